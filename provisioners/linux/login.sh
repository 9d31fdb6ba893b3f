#!/bin/sh
# Nothing asks a question, or takes over, when an administrator logs in: graders and extensions would hang.
set -eu
STEP=login
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

found=''
look_for_command() {
    # Inside Match it concerns the accounts that are named there, unless that is everybody.
    if from_file "$1" awk '
        tolower($1) == "match" { some = tolower($2) != "all" && $3 != "*" }
        !some && tolower($1) == "forcecommand" && tolower($2) !~ /^(none|internal-sftp)$/ { bad = 1 }
        END { exit !bad }'; then
        found="$found $1 (ForceCommand)"
    fi
}
each_file look_for_command /etc/ssh/sshd_config '/etc/ssh/sshd_config.d/*.conf'
# A menu, a question, or a read from whoever logs in; not a read from a file or a pipe.
asks='(^|[;&|[:space:]])(whiptail|dialog|zenity)[[:space:]]+-|^[[:space:]]*select[[:space:]]+[[:alnum:]_]+[[:space:]]+in([[:space:]]|$)'
asks="$asks|(^|[^[:alnum:]_])read[[:space:]]+(-[[:alnum:]]+[[:space:]]+)*-[[:alnum:]]*p([[:space:]]|\$)"
asks="$asks|^[[:space:]]*read[[:space:]]+(-[[:alnum:]]+[[:space:]]+)*[[:alnum:]_]+[[:space:]]*\$"
look_for_question() {
    code=$(from_file "$1" awk '!/^[ \t]*#/')
    ! printf '%s\n' "$code" | grep -Eq "$asks" || found="$found $1 (asks a question)"
}
for file in /etc/profile /etc/bash.bashrc /etc/bashrc '/etc/profile.d/*' /etc/skel/.bashrc \
    /etc/skel/.profile /etc/skel/.bash_profile /root/.bashrc /root/.profile; do
    each_file look_for_question "$file"
done
# The shell that useradd gives to the customer's account.
for pair in /etc/default/useradd:SHELL /etc/adduser.conf:DSHELL; do
    file=${pair%:*}
    shell=$(from_file "$file" sed -n "s/^${pair#*:}=//p")
    shell=$(printf '%s\n' "$shell" | tail -n 1 | tr -d "\"'")
    case ${shell##*/} in
        '' | sh | bash | dash | zsh | ksh | fish) ;;
        *) found="$found $file (new accounts get $shell)" ;;
    esac
done
if [ -n "$found" ]; then
    [ "$ALLOW" = yes ] || fail "a login is taken over by$found"
    warn "a login is taken over by$found; the plan has to be declared locked down"
fi
finish
