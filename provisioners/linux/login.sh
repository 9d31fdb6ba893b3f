#!/bin/sh
# Nothing asks a question, or takes over, when an administrator logs in: graders and extensions would hang.
set -eu
STEP=login
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

found=''
for file in "$ROOT"/etc/ssh/sshd_config "$ROOT"/etc/ssh/sshd_config.d/*.conf; do
    # Inside Match it concerns the accounts that are named there, unless that is everybody.
    if [ -f "$file" ] && awk '
        tolower($1) == "match" { some = tolower($2) != "all" && $3 != "*" }
        !some && tolower($1) == "forcecommand" && tolower($2) !~ /^(none|internal-sftp)$/ { bad = 1 }
        END { exit !bad }' "$file"; then
        found="$found ${file#"$ROOT"} (ForceCommand)"
    fi
done
# A menu, a question, or a read from whoever logs in; not a read from a file or a pipe.
asks='(^|[;&|[:space:]])(whiptail|dialog|zenity)[[:space:]]+-|^[[:space:]]*select[[:space:]]+[[:alnum:]_]+[[:space:]]+in([[:space:]]|$)'
asks="$asks|(^|[^[:alnum:]_])read[[:space:]]+(-[[:alnum:]]+[[:space:]]+)*-[[:alnum:]]*p([[:space:]]|\$)"
asks="$asks|^[[:space:]]*read[[:space:]]+(-[[:alnum:]]+[[:space:]]+)*[[:alnum:]_]+[[:space:]]*\$"
for file in "$ROOT"/etc/profile "$ROOT"/etc/bash.bashrc "$ROOT"/etc/bashrc "$ROOT"/etc/profile.d/* "$ROOT"/etc/skel/.bashrc \
    "$ROOT"/etc/skel/.profile "$ROOT"/etc/skel/.bash_profile "$ROOT"/root/.bashrc "$ROOT"/root/.profile; do
    if [ -f "$file" ] && grep -Ev '^[[:space:]]*#' "$file" | grep -Eq "$asks"; then
        found="$found ${file#"$ROOT"} (asks a question)"
    fi
done
# The shell that useradd gives to the customer's account.
for pair in /etc/default/useradd:SHELL /etc/adduser.conf:DSHELL; do
    file=${pair%:*}
    shell=$(sed -n "s/^${pair#*:}=//p" "$ROOT$file" 2>/dev/null | tail -n 1 | tr -d "\"'")
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
