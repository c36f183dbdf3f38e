# SPDX-License-Identifier: MIT
# Completion of rudp(1) for fish.

complete -c rudp -f
complete -c rudp -n __fish_use_subcommand -a run -d 'start a program whose connections go over rudp'
complete -c rudp -n __fish_use_subcommand -a ss -d 'show connections and listeners'
complete -c rudp -n __fish_use_subcommand -a keygen -d 'make a key file, or check one'
complete -c rudp -n __fish_use_subcommand -a key -d 'shared keys, and identities'
complete -c rudp -n __fish_use_subcommand -a forget -d 'make the engines forget a host'
complete -c rudp -n __fish_use_subcommand -a ping -d 'test whether a rudp listener answers'
complete -c rudp -n __fish_use_subcommand -a doctor -d 'find problems on this machine'
complete -c rudp -n __fish_use_subcommand -a help -d 'explain a command'
complete -c rudp -n '__fish_seen_subcommand_from help' -a 'run ss keygen key forget ping doctor'
complete -c rudp -n '__fish_seen_subcommand_from forget ping' -a '(__fish_print_hostnames)'
complete -c rudp -n '__fish_seen_subcommand_from key' -a 'list revoke new show hosts forget enroll ask check'
complete -c rudp -n '__fish_seen_subcommand_from keygen' -F
complete -c rudp -n '__fish_seen_subcommand_from run' -x -a '(__fish_complete_subcommand --fcs-skip=2)'
complete -c rudp -n '__fish_seen_subcommand_from run' -s c -l cc -x -a 'bbr cubic'
complete -c rudp -n '__fish_seen_subcommand_from run' -s e -l engine -x -a 'process thread'
complete -c rudp -n '__fish_seen_subcommand_from run' -s k -l key -r -F
complete -c rudp -n '__fish_seen_subcommand_from run' -s l -l log -x -a 'error warn info debug'
complete -c rudp -n '__fish_seen_subcommand_from run' -s p -l policy -r -F
complete -c rudp -n '__fish_seen_subcommand_from run' -s s -l strict
complete -c rudp -n '__fish_seen_subcommand_from run' -s '?' -l help
complete -c rudp -n '__fish_seen_subcommand_from ss' -s a -l all
complete -c rudp -n '__fish_seen_subcommand_from ss' -s f -l failed
complete -c rudp -n '__fish_seen_subcommand_from ss' -s H -l no-header
complete -c rudp -n '__fish_seen_subcommand_from ss' -s i -l info
complete -c rudp -n '__fish_seen_subcommand_from ss' -s j -l json
complete -c rudp -n '__fish_seen_subcommand_from ss' -s l -l listening
complete -c rudp -n '__fish_seen_subcommand_from ss' -s n -l numeric
complete -c rudp -n '__fish_seen_subcommand_from ss' -s p -l processes
complete -c rudp -n '__fish_seen_subcommand_from ss' -s s -l summary
complete -c rudp -n '__fish_seen_subcommand_from ss' -s t -l tcp
complete -c rudp -n '__fish_seen_subcommand_from ss' -s '?' -l help
complete -c rudp -n '__fish_seen_subcommand_from keygen' -s c -l check -r -F
complete -c rudp -n '__fish_seen_subcommand_from keygen' -l not-after -x
complete -c rudp -n '__fish_seen_subcommand_from keygen' -l not-before -x
complete -c rudp -n '__fish_seen_subcommand_from keygen' -s '?' -l help
complete -c rudp -n '__fish_seen_subcommand_from key' -s j -l json
complete -c rudp -n '__fish_seen_subcommand_from key' -s p -l port -x
complete -c rudp -n '__fish_seen_subcommand_from key' -s '?' -l help
complete -c rudp -n '__fish_seen_subcommand_from forget' -s '?' -l help
complete -c rudp -n '__fish_seen_subcommand_from ping' -s c -l count -x
complete -c rudp -n '__fish_seen_subcommand_from ping' -s i -l interval -x
complete -c rudp -n '__fish_seen_subcommand_from ping' -s j -l json
complete -c rudp -n '__fish_seen_subcommand_from ping' -s k -l key -r -F
complete -c rudp -n '__fish_seen_subcommand_from ping' -s u -l udp-port -x
complete -c rudp -n '__fish_seen_subcommand_from ping' -s W -l timeout -x
complete -c rudp -n '__fish_seen_subcommand_from ping' -s '?' -l help
complete -c rudp -n '__fish_seen_subcommand_from doctor' -s j -l json
complete -c rudp -n '__fish_seen_subcommand_from doctor' -s '?' -l help
