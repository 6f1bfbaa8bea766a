# Sourced by the suites: a cluster of their own in a temporary folder, on free ports, ended with the suite.
#
#   skip REASON            ends the suite, exit code 77
#   start_cluster [ARG]... starts `minicluster up`; sets DATA, BOOTSTRAP, CONSOLE, JOBS; ARGs go to every command
#   mini ARG...            the command line for that cluster
#   stop_cluster           stops it gracefully; the suite's end does so too
#
# MINICLUSTER is the binary (default target/release/minicluster), PYTHON the interpreter (default python3).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
peers=$root/../shared/peers
MINICLUSTER=${MINICLUSTER:-$root/target/release/minicluster}
PYTHON=${PYTHON:-python3}

skip() { echo "SKIP: $*"; exit 77; }
[ -x "$MINICLUSTER" ] || skip "no binary at $MINICLUSTER (cargo build --release, or set MINICLUSTER)"

work=$(mktemp -d)
up_pid=
stop_cluster() {
    [ -z "$up_pid" ] || { kill -INT "$up_pid" 2>/dev/null; wait "$up_pid" || true; }
    up_pid=
}
finish() {
    stop_cluster
    rm -rf "$work"
}
trap finish EXIT

free_ports() { # COUNT: ports that nobody listens on now, each with its successor
    "$PYTHON" - "$1" <<'PY'
import socket, sys
held, ports = [], []
while len(ports) < int(sys.argv[1]):
    a, b = socket.socket(), socket.socket()
    a.bind(("127.0.0.1", 0))
    try:
        b.bind(("127.0.0.1", a.getsockname()[1] + 1))
    except OSError:
        continue
    held += [a, b]
    ports.append(a.getsockname()[1])
print(*ports)
PY
}

mini() { "${command[@]}" "$@"; }

start_cluster() {
    command -v "$PYTHON" >/dev/null || skip "no $PYTHON"
    DATA=$work/data
    read -r p1 p2 p3 p4 p5 <<<"$(free_ports 5)"
    command=("$MINICLUSTER" --data "$DATA" --set "kafka.external_ports.broker_1=$p1"
        --set "kafka.external_ports.broker_2=$p2" --set "kafka.external_ports.broker_3=$p3" --set "ui.kafka_ui_port=$p4"
        --set "ui.spark_master_ui_port=$p5" "$@")
    CONSOLE=http://127.0.0.1:$p4/ JOBS=http://127.0.0.1:$p5/
    BOOTSTRAP=127.0.0.1:$p1,127.0.0.1:$p2,127.0.0.1:$p3
    "${command[@]}" up >"$work/up.out" 2>"$work/up.err" &
    up_pid=$!
    for _ in $(seq 1 300); do
        mini topics list >"$work/topics" 2>/dev/null && grep -q clickstream "$work/topics" && return
        kill -0 "$up_pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/up.out" "$work/up.err" >&2
    echo "the cluster did not start" >&2
    exit 1
}
