# Builds the operator into one file and the command line into another, and an image that has these two, the licenses of
# what is in them, Node and the libraries that Node is linked to: no shell, no package manager, no npm.
#   docker build -t leasepolicy:0.1.0 .
# The libraries are those of the image that it is built in; name that by its digest to be sure which:
#   docker build --build-arg NODE_IMAGE=node@sha256:... -t leasepolicy:0.1.0 .

ARG NODE_IMAGE=node:26.10.0-bookworm-slim
FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci
# A script of its package has fetched it, so package-lock.json does not say what it is.
COPY dev/node.sha256 dev/
RUN grep -q "^$(sha256sum < node_modules/.bin/node | cut -d ' ' -f 1) " dev/node.sha256
COPY tsconfig.json tsconfig.types.json ./
COPY dev/bundle.ts dev/bill.ts dev/licenses.ts dev/
COPY src src
COPY crds crds
COPY config config
# The Node that package-lock.json pins, for the bundle as for the image.
RUN node_modules/.bin/node dev/bundle.ts
RUN set -eu; \
    mkdir -p /image/app /image/etc /image/usr/bin; \
    cp dist/operator.mjs dist/leasepolicy.mjs dist/THIRD-PARTY-LICENSES.txt /image/app/; \
    cp -L node_modules/.bin/node /image/usr/bin/node; \
    ldd /image/usr/bin/node | grep -o '/[^ ]*' | xargs cp -L --parents --target-directory=/image; \
    echo 'leasepolicy:x:65532:65532::/:/sbin/nologin' > /image/etc/passwd; \
    echo 'leasepolicy:x:65532:' > /image/etc/group; \
    echo 'hosts: files dns' > /image/etc/nsswitch.conf; \
    chmod -R a+rX /image

FROM scratch
COPY --from=build /image /
WORKDIR /app
ENV NODE_ENV=production
# By number: runAsNonRoot can't judge a name.
USER 65532:65532
EXPOSE 8080
# As `leasepolicy run` does it, but without the rest of the command line in memory.
ENTRYPOINT ["/usr/bin/node", "--no-deprecation", "--max-semi-space-size=4", "--disable-sigusr1", "/app/operator.mjs"]
