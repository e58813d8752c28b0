# shellcheck shell=bash disable=SC2154
# What runs on a node, as units of systemd where that runs, else supervised; the commands are the same.

dask_port=8786 spark_port=7077
hub_toml=$settings/hub.toml

# MiB for Spark, Dask and notebooks; the sum is checked there.
share_memory() {
    [ -z "$emr" ] || yarn=${yarn:-$(told yarn.nodemanager.resource.memory-mb "$here/../emr.json")}
    shared=$("$prefix/bin/python" -m footfall.aws.memory "$role" ${emr:+--emr} ${yarn:+--yarn "$yarn"})
    read -r spark_mib dask_mib notebooks_mib <<<"$shared"
    step "memory in MiB: Spark $spark_mib, Dask $dask_mib, notebooks $notebooks_mib"
}

write_services() {
    address=$(own_address)
    write_tls
    if [ "$role" = primary ]; then write_hub; fi
    dask
    [ -n "$emr" ] || spark
    [ "$role" = worker ] || service hub root "$prefix/bin/python" -m jupyterhub -f "$prefix/hub/jupyterhub_config.py"
    [ "$role$power_off" = worker ] || watcher
}

# Who has the key is let in, and nobody else; pages and their ports are left out.
write_tls() {
    {
        for name in CA_FILE CLIENT__CERT SCHEDULER__CERT WORKER__CERT; do
            echo "DASK_DISTRIBUTED__COMM__TLS__$name=$settings/credentials/certificate.pem"
        done
        for name in CLIENT__KEY SCHEDULER__KEY WORKER__KEY; do
            echo "DASK_DISTRIBUTED__COMM__TLS__$name=$settings/credentials/key.pem"
        done
        echo "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=True"
        for name in SCHEDULER WORKER; do echo "DASK_DISTRIBUTED__${name}__HTTP__ROUTES=[]"; done
        echo "FOOTFALL_HUB_SETTINGS=$hub_toml"
        variables
    } | write 644 "$settings/environment"
}

dask() {
    # Without pages, Dask serves some all the same: nobody else shall reach them.
    page="--no-dashboard --dashboard-address 127.0.0.1:0"
    # shellcheck disable=SC2086 # one word per option
    if [ "$role" = primary ]; then
        service dask "$account" "$prefix/bin/python" -m distributed.cli.dask_scheduler --protocol tls --host "$address" \
            --port "$dask_port" $page --no-jupyter
    else
        service dask "$account" "$prefix/bin/python" -m distributed.cli.dask_worker "tls://$primary:$dask_port" \
            --protocol tls --host "$address" --name "$(uname -n)" --nthreads "$(nproc)" --memory-limit "${dask_mib}MiB" \
            $page --local-directory "$state/dask"
    fi
}

# Where there is no EMR, Spark's own master and workers.
spark() {
    [ -f "$settings/credentials/spark.conf" ] || { step "no spark.conf among the credentials: no Spark"; return; }
    set -- --host "$address" --credentials "$settings/credentials" --state "$state/spark"
    if [ "$role" = primary ]; then
        set -- master --port "$spark_port" "$@"
    else
        set -- worker --master "$primary:$spark_port" --cores "$(nproc)" --memory "$spark_mib" "$@"
    fi
    service spark "$account" "$prefix/bin/python" -m footfall.aws.standalone "$@"
}

# Our own JupyterHub, on loopback: one account, whose password is among the credentials.
write_hub() {
    write 600 "$hub_toml" <<TOML
users = ["$account"]
idle_minutes = $idle
hours = $max_hours
memory = "${notebooks_mib}M"
cpus = $(nproc)
state = "$state/hub"
watcher = "$settings/watcher-token"
TOML
    [ -s "$settings/watcher-token" ] || head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' | write 600 "$settings/watcher-token"
    [ -d "$prefix/hub/node_modules" ] || tar -xzf "$wheelhouse/proxy.tar.gz" --no-same-owner -C "$(mkdir -p "$prefix/hub"; echo "$prefix/hub")"
    "$prefix/node/deploy/jupyterhub/install.sh" --files-only --prefix "$prefix" --state "$state/hub" --settings "$hub_toml"
}

# It touches the file by which EMR knows that a cluster works, and ends what is forgotten.
watcher() {
    set -- "$role" --scheduler "$primary:$dask_port" --idle "$idle" --max-hours "$max_hours" \
        ${power_off:+--power-off} ${run:+--run "$run"}
    [ "$role" = worker ] || set -- "$@" --hub http://127.0.0.1:800/ --token "$settings/watcher-token"
    [ -z "$emr" ] || set -- "$@" --yarn "http://$primary:8088/" --emr "$(told jobFlowId "$info/job-flow.json")"
    service watcher root "$prefix/bin/python" -m footfall.aws.watcher "$@"
}

# service NAME USER COMMAND...: writes it, and starts it anew if it or its surroundings changed or it does not run.
service() {
    services="${services:-} $1"
    { printf '#!/bin/sh\nset -a\n. %s\nexec' "$settings/environment"; printf ' %q' "${@:3}"; echo; } |
        write 755 "$prefix/services/$1"
    wanted=$(cat "$prefix/services/$1" "$settings/environment" "$prefix/.lock" "$prefix/.node" | sha256sum)
    [ "$1" != hub ] || wanted="$wanted $(sha256sum <"$hub_toml")"
    if [ "$wanted" = "$(cat "$prefix/services/.$1" 2>/dev/null)" ] && runs "$1"; then return; fi
    step "service $1"
    if [ -d /run/systemd/system ]; then start_unit "$1" "$2"; else start_supervised "$1" "$2"; fi
    echo "$wanted" >"$prefix/services/.$1"
}

start_unit() {
    sed -e "s|@NAME@|$1|g" -e "s|@USER@|$2|g" -e "s|@PREFIX@|$prefix|g" "$here/footfall.service" |
        write 644 "/etc/systemd/system/footfall-$1.service"
    systemctl daemon-reload
    systemctl enable --quiet "footfall-$1"
    systemctl restart "footfall-$1"
}

start_supervised() {
    mkdir -p "$root/run/footfall"
    if runs "$1"; then kill "$(cat "$(pid_file "$1")")"; while runs "$1"; do sleep 0.2; done; fi
    setsid "$here/supervise" "$2" "$(pid_file "$1")" "$prefix/services/$1" >>"$logs/$1.log" 2>&1 </dev/null &
    for _ in $(seq 50); do ! runs "$1" || return 0; sleep 0.1; done
    fail "$1 did not start; $logs/$1.log has why"
}

pid_file() { echo "$root/run/footfall/$1.pid"; }

runs() {
    if [ -d /run/systemd/system ]; then systemctl --quiet is-active "footfall-$1"; return; fi
    [ -f "$(pid_file "$1")" ] && grep -qs supervise "/proc/$(cat "$(pid_file "$1")")/cmdline"
}

# What ends at once is started again and again: its log says so. On a worker that is how it waits for the primary.
services_run() {
    sleep 3
    for name in ${services:-}; do
        runs "$name" || fail "service $name does not run; $(where_said "$name")"
        [ "$role" = worker ] || ! ended_lately "$name" || fail "service $name ended; $(where_said "$name")"
    done
}

ended_lately() {
    if [ -d /run/systemd/system ]; then [ "$(systemctl show --value -p NRestarts "footfall-$1")" != 0 ]; return; fi
    tail -n 5 "$logs/$1.log" | grep -q '^supervise: ended'
}

where_said() {
    if [ -d /run/systemd/system ]; then
        journalctl --no-pager -n 15 -u "footfall-$1" || true
    else
        echo "the end of $logs/$1.log:"; tail -n 15 "$logs/$1.log"
    fi
}
