#!/usr/bin/env bash
# Fills a folder with what the image to build in, node:VERSION-bookworm-slim, has and the Dockerfile uses, from this
# machine: no registry of images is needed. Called as stand-in.sh FOLDER NODE.
set -euo pipefail
root=$1 node=$2

put() {
  cp -L "$1" "$root/usr/bin/$2"
  # A script has no libraries, and ldd fails for it.
  { ldd "$1" || true; } 2>/dev/null | { grep -o '/[^ ]*' || true; } | xargs -r cp -L --parents --target-directory="$root"
}

mkdir -p "$root"/{bin,etc/ssl/certs,root,tmp,usr/bin,usr/lib/node_modules}
chmod 1777 "$root/tmp"
for name in sh bash env mkdir cp chmod cut sha256sum grep xargs ldd; do
  put "$(command -v "$name")" "$name"
done
cp "$root"/usr/bin/{sh,bash} "$root/bin/"
put "$node" node
cp -R "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$root/usr/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/bin/npm"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo 'root:x:0:0::/root:/bin/sh' > "$root/etc/passwd"
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
