# shellcheck shell=bash disable=SC2154
# The account that services and notebooks run as, and what lets them into the cluster: a key, a secret, a password.

make_account() {
    getent passwd "$account" >/dev/null || { step "account $account"; useradd --create-home --shell /bin/bash "$account"; }
    install -d -m 755 "$settings" "$logs"
    install -d -m 755 -o "$account" -g "$account" "$state"
}

run_as_account() {
    if [ "$role" = image ]; then "$@"; return; fi
    (cd / && HOME=$(getent passwd "$account" | cut -d: -f6) setpriv --reuid="$account" --regid="$account" --init-groups "$@")
}

# A key is fetched once: who changes it, removes the folder here first.
fetch_credentials() {
    kept=$settings/credentials
    [ -f "$kept/key.pem" ] || fetch_folder
    for name in key.pem certificate.pem; do
        [ -f "$kept/$name" ] || fail "${credentials:-$kept}: no $name; python -m footfall.aws.keys FOLDER makes what a cluster needs"
    done
    [ "$role" != primary ] || set_password
}

fetch_folder() {
    credentials=${credentials:-${run:+$run/credentials}}
    [ -n "$credentials" ] || fail "--credentials PLACE: the folder with the cluster's key, which all nodes have"
    step "credentials of $credentials"
    rm -rf "$kept.new"
    # Nobody else reads them, not even while they come.
    (
        umask 077
        case "$credentials" in
            s3://*) s3 s3 cp --recursive --only-show-errors "$credentials/" "$kept.new" ;;
            *) cp -R "$credentials" "$kept.new" ;;
        esac
    )
    chmod -R u=rwX,go= "$kept.new"
    chown -R "$account:" "$kept.new"
    rm -rf "$kept"
    mv "$kept.new" "$kept"
}

s3() { aws ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} "$@"; }

# Of the account, by which one logs in to the hub.
set_password() {
    [ -s "$kept/hub-password" ] || (umask 077 && head -c 24 /dev/urandom | base64 | tr -d '/+=\n' >"$kept/hub-password")
    [ "$(sha256sum <"$kept/hub-password")" != "$(cat "$settings/.password" 2>/dev/null)" ] || return 0
    printf '%s:%s\n' "$account" "$(cat "$kept/hub-password")" | chpasswd
    sha256sum <"$kept/hub-password" | write 600 "$settings/.password"
}
