#!/bin/bash
# Installs a node of a cluster from a wheelhouse that bootstrap.sh has checked; docs/nodes.md explains the options.
#
#   install.sh WHEELHOUSE --emr | --node | --image [--role primary|worker] [--primary ADDRESS] [--run PLACE]
#              [--credentials PLACE] [--yarn MIB] [--idle MINUTES] [--max-hours HOURS] [--power-off]
#
# Run again, it leaves what is there as it is. It stops at the first error, and tells its line and command.
set -eEuo pipefail
here=$(cd "$(dirname "$0")" && pwd)
umask 022

root=${FOOTFALL_ROOT:-}
prefix=$root/opt/footfall
settings=$root/etc/footfall
state=$root/var/lib/footfall
logs=$root/var/log/footfall
account=footfall
kind="" role="" primary="" run="" credentials="" yarn="" idle=30 max_hours=12 power_off=""

# shellcheck source=deploy/aws/node/role.sh
. "$here/role.sh"
# shellcheck source=deploy/system_packages.sh
. "$here/../../system_packages.sh"
# shellcheck source=deploy/aws/node/environment.sh
. "$here/environment.sh"
# shellcheck source=deploy/aws/node/credentials.sh
. "$here/credentials.sh"
# shellcheck source=deploy/aws/node/services.sh
. "$here/services.sh"

main() {
    trap 'echo "${BASH_SOURCE[0]##*/}: line $LINENO: $BASH_COMMAND: exit code $?" >&2' ERR
    read_options "$@"
    find_role
    step "a node as $role${primary:+ of $primary}${emr:+ on EMR}, from $wheelhouse"
    system_packages
    environment
    packages
    spark_of_emr
    if [ "$role" != image ]; then
        make_account
        fetch_credentials
        share_memory
        write_services
    fi
    kernel
    self_test
}

read_options() {
    [ $# -gt 1 ] || fail "which wheelhouse, and for what?"
    wheelhouse=$1 kind=${2#--}
    shift 2
    while [ $# -gt 0 ]; do
        [ "$1" = --power-off ] || [ $# -gt 1 ] || fail "$1 what?"
        case "$1" in
            --role) role=$2 ;;
            --primary) primary=$2 ;;
            --run) run=${2%/} ;;
            --credentials) credentials=${2%/} ;;
            --yarn) yarn=$(number "$1" "$2") ;;
            --idle) idle=$(number "$1" "$2") ;;
            --max-hours) max_hours=$(number "$1" "$2") ;;
            --power-off) power_off=yes && shift && continue ;;
            *) fail "$1: there is no such option; there are $(sed -n '4,5s/^# *//p' "$here/install.sh" | tr -d '\n')" ;;
        esac
        shift 2
    done
}

number() {
    case "$2" in '' | *[!0-9.]* | *.*.*) fail "$1 $2: must be a number" ;; esac
    echo "$2"
}

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

step() { echo "install.sh: $* (after $SECONDS s)"; }

# write MODE FILE: the standard input as a file, unless it is there with that content; the folder is made.
write() {
    mkdir -p "$(dirname "$2")"
    (umask 077 && cat >"$2.new")
    if cmp -s "$2.new" "$2"; then rm "$2.new"; else chmod "$1" "$2.new" && mv "$2.new" "$2"; fi
}

# A small city, the first job, and where the run has a folder, reading and creating there.
self_test() {
    step "self-test"
    run_as_account "$prefix/bin/python" -m footfall.aws.selftest --role "$role" ${address:+--address "$address"} \
        ${run:+--run "$run"}
    [ "$role" = image ] || services_run
    step "the node is ready"
}

main "$@"
