/** Prints a script for a shell, which asks the program itself at each completion. */
import type {Call} from './command.ts';
import {EXIT} from './terminal/failure.ts';

export const SHELLS = ['bash', 'zsh', 'fish', 'kubectl'] as const;
type Shell = (typeof SHELLS)[number];

export async function run({args: [shell], streams}: Call): Promise<number> {
  streams.stdout.write(SCRIPTS[shell as Shell]);
  return EXIT.done;
}

/** The last line of an answer is :0 where the shell is to complete the names of files, and :4 where it is not. */
const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# leasepolicy completion bash; in ~/.bashrc: source <(leasepolicy completion bash)
_leasepolicy() {
  local answer line i words=() value=
  COMPREPLY=()
  # Bash breaks --flag=value into three words; an answer has all of it, and only what stands behind = goes in.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} == = || ( $i -gt 1 && \${COMP_WORDS[i-1]} == = ) ]] && [[ \${#words[@]} -gt 0 ]]; then
      words[\${#words[@]}-1]+=\${COMP_WORDS[i]}
      value=1
    else
      words+=("\${COMP_WORDS[i]}")
      value=
    fi
  done
  answer=$("\${COMP_WORDS[0]}" __complete "\${words[@]}" 2>/dev/null) || return
  while IFS= read -r line; do
    case $line in
      :0) compopt -o default 2>/dev/null ;;
      :*) ;;
      ?*)
        line=\${line%%$'\\t'*}
        [[ $value ]] && line=\${line#*=}
        COMPREPLY+=("$line")
        ;;
    esac
  done <<< "$answer"
}
complete -F _leasepolicy leasepolicy kubectl-leasepolicy
`,
  zsh: `#compdef leasepolicy kubectl-leasepolicy
# leasepolicy completion zsh; in ~/.zshrc: source <(leasepolicy completion zsh)
_leasepolicy() {
  local -a found
  local line
  for line in "\${(@f)$(\${words[1]} __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :0) _files ;;
      :*) ;;
      *$'\\t'*) found+=("\${line%%$'\\t'*}:\${line#*$'\\t'}") ;;
      ?*) found+=("$line") ;;
    esac
  done
  (( \${#found} )) && _describe leasepolicy found
}
compdef _leasepolicy leasepolicy kubectl-leasepolicy
`,
  fish: `# leasepolicy completion fish > ~/.config/fish/completions/leasepolicy.fish
function __leasepolicy_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] __complete $words[2..-1] 2>/dev/null | while read -l line
    switch $line
      case ':0'
        __fish_complete_path (commandline -ct)
      case ':*' ''
      case '*'
        echo $line
    end
  end
end
complete -c leasepolicy -f -a '(__leasepolicy_complete)'
complete -c kubectl-leasepolicy -f -a '(__leasepolicy_complete)'
`,
  kubectl: `#!/bin/sh
# leasepolicy completion kubectl > kubectl_complete-leasepolicy, in the PATH and executable: kubectl asks it.
exec kubectl-leasepolicy __complete "$@"
`,
};
