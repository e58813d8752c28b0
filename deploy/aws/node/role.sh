# shellcheck shell=bash disable=SC2154
# Which node this is, and where the primary is: by EMR's instance files, else by the options.

emr=""
info=$root/mnt/var/lib/info

find_role() {
    case "$kind" in
        image) role=image ;;
        node) check_told ;;
        emr) of_emr ;;
        *) fail "--$kind: must be --emr, --node or --image" ;;
    esac
}

of_emr() {
    emr=yes role=worker
    [ -f "$info/instance.json" ] || fail "there is no $info/instance.json, so this is no node of EMR; --node is for others"
    [ "$(told isMaster "$info/instance.json")" != true ] || role=primary
    primary=$(told masterPrivateDnsName "$info/job-flow.json")
    [ -n "$primary" ] || fail "$info/job-flow.json: no masterPrivateDnsName, so nobody knows where the primary is"
}

check_told() {
    case "$role" in
        primary | worker) [ -n "$primary" ] || fail "--primary ADDRESS: where the others of the cluster find the primary" ;;
        *) fail "--role $role: must be primary or worker" ;;
    esac
}

# told NAME FILE: the value of a name in a flat JSON file, whose layout EMR does not promise.
told() { tr -d '\n' <"$2" | sed -n 's/.*"'"$1"'" *: *"\{0,1\}\([^",}]*\).*/\1/p' | tr -d ' '; }

# The address of this machine by which the primary reaches it; of the primary, its own.
own_address() {
    "$prefix/bin/python" - "$primary" <<'PYTHON'
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    asking.connect((sys.argv[1], 9))
    print(asking.getsockname()[0])
PYTHON
}
