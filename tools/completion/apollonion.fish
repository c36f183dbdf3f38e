# SPDX-License-Identifier: MIT
# Completion of apollonion(8) for fish.

complete -c apollonion -f
complete -c apollonion -s c -l config -r -F -d 'the configuration'
complete -c apollonion -l check-config -d 'only check the configuration'
complete -c apollonion -l hash-password -d 'print the hash of a password'
complete -c apollonion -l add-account -x -d 'add an account'
complete -c apollonion -l set-password -x -d 'change the password of an account'
complete -c apollonion -l remove-account -x -d 'remove an account'
complete -c apollonion -l export -r -F -d 'write accounts, channels and history'
complete -c apollonion -l import -r -F -d 'read them into an empty file of accounts'
complete -c apollonion -l version -d 'print the version'
complete -c apollonion -s h -l help -d 'print a summary'
