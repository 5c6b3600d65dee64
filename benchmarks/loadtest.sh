#!/usr/bin/env bash
# Loads samples/HeavyEndpoint, alone and as a cluster, and the same endpoints in Node, alone and as a cluster, with the npm package
# loadtest. Prints a table and writes it to docs/benchmarks/heavy-endpoint.md. Needs Linux, the .NET SDK, Node with npm, and curl.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: benchmarks/loadtest.sh [--rounds N] [--base N]
  --rounds N  how often everything is measured, interleaved (default 1, which takes about eight minutes on two processors)
  --base N    the base for /api/cluster and /api/nocluster, 1 to 10 (default: none given, which is 8 for the endpoints)
TEXT
}

rounds=1
query=
while (($# > 0)); do
    case "$1:${2-}" in
        --rounds:[1-9]*) rounds=$2; shift 2 ;;
        --base:[1-9]*) query="?base=$2"; shift 2 ;;
        --help:*) usage; exit ;;
        *) usage >&2; exit 2 ;;
    esac
done

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
peers=$root/benchmarks/peers/node
out=$root/benchmarks/artifacts/loadtest
document=$root/docs/benchmarks/heavy-endpoint.md
framework=net10.0
origin=http://127.0.0.1:3000
processors=$(nproc)

runs=(
    "-n 1000 -c 100 /api/nocluster$query"
    "-n 1000 -c 100 /api/cluster$query"
    "-n 100 -c 10 --rps 100 /heavy"
)
warmups=(
    "-n 300 -c 10 /api/nocluster?base=5"
    "-n 300 -c 10 /api/cluster?base=5"
    "-n 200 -c 10 /heavy"
)
servers=(".NET alone" ".NET cluster" "Node alone" "Node cluster")

launch() {
    local heavy_endpoint=$root/samples/HeavyEndpoint/bin/Release/$framework/HeavyEndpoint
    case $1 in
        ".NET alone") "$heavy_endpoint" --no-cluster & ;;
        ".NET cluster") "$heavy_endpoint" --ProcessCluster:Workers "$processors" & ;;
        "Node alone") node "$peers/alone.js" & ;;
        "Node cluster") node "$peers/cluster.js" "$processors" & ;;
    esac >>"$out/servers.log" 2>&1
    server=$!
}

fail() {
    echo "loadtest.sh: $1" >&2
    exit 1
}

# The server's process and all below it.
family() {
    local child
    echo "$1"
    for child in $(pgrep -P "$1"); do
        family "$child"
    done
}

living() {
    local pid
    for pid in "$@"; do
        if kill -0 "$pid" 2>/dev/null; then echo "$pid"; fi
    done
}

server=
start() {
    if (exec 3<>/dev/tcp/127.0.0.1/3000) 2>/dev/null; then
        fail "another program listens on port 3000: stop it first."
    fi
    launch "$1"
    # A cluster answers when its first worker is up; the load has to wait until all of them are.
    local workers=1 answer deadline=$((SECONDS + 60))
    [[ $1 != *cluster ]] || workers=$processors
    local -A seen=()
    while ((${#seen[@]} < workers)); do
        [[ -n $(living "$server") ]] || fail "$1 has ended before it answered: see $out/servers.log."
        ((SECONDS < deadline)) || fail "$1: ${#seen[@]} of $workers processes have answered within 60 s."
        if answer=$(curl -sf --max-time 5 "$origin/"); then
            seen[$answer]=1
        fi
        sleep 0.1
    done
}

stop() {
    [[ -n $server ]] || return 0
    local pids deadline=$((SECONDS + 20))
    # All of them are known before the first one is told, so that none can be left behind.
    mapfile -t pids < <(family "$server")
    kill -TERM "$server" 2>/dev/null || true
    while [[ -n $(living "${pids[@]}") ]]; do
        if ((SECONDS >= deadline)); then
            echo "loadtest.sh: processes still ran 20 s after SIGTERM and were killed." >&2
            kill -KILL $(living "${pids[@]}") 2>/dev/null || true
            break
        fi
        sleep 0.1
    done
    wait "$server" || true
    server=
}
trap stop EXIT
# Without this the script would end at once and leave a load or the build behind; so it waits for that one first.
trap 'exit 143' TERM

# One load; its arguments are flags of loadtest and a path. One core for the generator, and in the foreground so that Ctrl-C ends it.
load() {
    local flags=("${@:1:$#-1}") path=${!#}
    timeout --foreground 300 "$peers/node_modules/.bin/loadtest" --cores 1 "${flags[@]}" "$origin$path" \
        || fail "the load '$*' did not end well within 60 s."
}

# What loadtest says -> requests/s, mean and p99 in ms, errors.
figures() {
    awk '
        /^Effective rps:/ { rps = $3 }
        /^Mean latency:/ { mean = $3 }
        $1 == "99%" { p99 = $2 }
        /^Total errors:/ { errors = $3 }
        END {
            if (rps == "" || mean == "" || p99 == "" || errors == "") exit 1
            printf "%s\t%s\t%s\t%s\n", rps, mean, p99, errors
        }'
}

# Resident memory of the server's processes in MB, and how many they are.
memory() {
    local pid
    for pid in $(family "$server"); do
        awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status"
    done | awk '{ kb += $1 } END { printf "%.0f\t%d\n", kb / 1024, NR }'
}

# $1 server, $2 run (or "memory"), $3 number of the figure: its median over the rounds.
median() {
    awk -F'\t' -v server="$1" -v run="$2" -v column="$(($3 + 2))" '$1 == server && $2 == run { print $column }' "$results" \
        | sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# Failed requests of a run against a server; of all runs against all servers without arguments. Added up, since a median would hide some.
errors() {
    awk -F'\t' -v server="${1-}" -v run="${2-}" '
        NF == 6 && (server == "" || $1 == server && $2 == run) { n += $6 }
        END { print n + 0 }' "$results"
}

# $1 and $2 servers: how many times as many requests per second the first one answers, both runs that measure throughput together.
speedup() {
    ratio "$(median "$1" "${runs[0]}" 1) + $(median "$1" "${runs[1]}" 1)" "$(median "$2" "${runs[0]}" 1) + $(median "$2" "${runs[1]}" 1)"
}

ratio() {
    awk "BEGIN { printf \"%.2f\", ($1) / ($2) }"
}

# Less than a tenth either way is within what two runs of the same server differ by.
verdict() {
    awk -v ratio="$1" 'BEGIN { print (ratio >= 1.1 ? "more" : (ratio <= 0.9 ? "fewer" : "same")) }'
}

table() {
    local run name
    echo "| Run | Server | Requests/s | Mean latency (ms) | p99 latency (ms) | Errors | Memory (MB) |"
    echo "|---|---|--:|--:|--:|--:|--:|"
    for run in "${runs[@]}"; do
        for name in "${servers[@]}"; do
            printf '| `%s` | %s | %.0f | %.1f | %.0f | %d | %.0f |\n' "$run" "$name" "$(median "$name" "$run" 1)" \
                "$(median "$name" "$run" 2)" "$(median "$name" "$run" 3)" "$(errors "$name" "$run")" "$(median "$name" memory 1)"
        done
    done
}

# By how much requests per second of one server and run differed between the rounds, at worst.
spread() {
    awk -F'\t' -v heavy="${runs[2]}" '
        NF == 6 && $2 != heavy {
            key = $1 FS $2
            if (!(key in low) || $3 < low[key]) low[key] = $3
            if ($3 > high[key]) high[key] = $3
        }
        END {
            for (key in low) if (high[key] / low[key] > worst) worst = high[key] / low[key]
            printf "%.2f", worst
        }' "$results"
}

explain_noise() {
    local spread
    spread=$(spread)
    echo "In these two runs the best round of a server was up to $spread times as fast as its worst."
    if awk "BEGIN { exit !($spread > 1.25) }"; then
        echo "That is much: the machine did other things too, so small differences mean nothing."
    fi
}

# $1 runtime, $2 how many times as many requests per second its cluster answers, $3 the verdict on that.
throughput() {
    local -A words=([more]="more requests per second than" [fewer]="fewer requests per second than"
        [same]="about as many requests per second as")
    echo "In the two \`-n 1000 -c 100\` runs together the $1 cluster answered ${words[$3]} the single $1 process:"
    echo "$2 times as many."
}

explain_dotnet() {
    local speedup verdict
    speedup=$(speedup ".NET cluster" ".NET alone")
    verdict=$(verdict "$speedup")
    throughput .NET "$speedup" "$verdict"
    case $verdict in
        same) echo "One .NET process already uses all processors, so a cluster has no idle one to put to work: it does not make CPU-bound"
            echo "work faster." ;;
        fewer) echo "One .NET process already uses all processors, so a cluster has no idle one to put to work and does not make CPU-bound"
            echo "work faster. Here it made it slower: the primary hands over every connection, and more processes share the processors." ;;
        more) echo "One .NET process already uses all processors, so this does not come from an idle one that the cluster put to work."
            echo "Run it again on a machine that does nothing else before you rely on it." ;;
    esac
}

explain_node() {
    local speedup verdict
    speedup=$(speedup "Node cluster" "Node alone")
    verdict=$(verdict "$speedup")
    throughput Node "$speedup" "$verdict"
    case $processors:$verdict in
        1:*) echo "A Node process runs JavaScript on one processor, and this machine has no other one for a cluster to use." ;;
        *:more) echo "A Node process runs JavaScript on one processor, so its cluster puts the others to work." ;;
        *) echo "A Node process runs JavaScript on one processor, so its cluster should put the others to work. Where it does not, they"
            echo "are probably busy with something else: run it again on a machine that does nothing else." ;;
    esac
}

explain_latency() {
    local name run=${runs[2]}
    echo "The \`/heavy\` run asks for 100 requests per second. It measures latency, not throughput: every server that keeps up shows about 100"
    echo "requests per second. The p99 of 100 requests is little more than the slowest one."
    echo
    for name in .NET Node; do
        echo "- $name: mean $(median "$name cluster" "$run" 2) ms and p99 $(median "$name cluster" "$run" 3) ms as a cluster," \
            "mean $(median "$name alone" "$run" 2) ms and p99 $(median "$name alone" "$run" 3) ms alone."
    done
}

explain_losses() {
    local name cluster alone failed
    echo "A cluster costs memory, since each of its processes has a runtime, a heap and compiled code of its own:"
    echo
    for name in .NET Node; do
        cluster=$(median "$name cluster" memory 1)
        alone=$(median "$name alone" memory 1)
        echo "- $name: $cluster MB in $(median "$name cluster" memory 2) processes (the primary and its workers) against $alone MB in one," \
            "$(ratio "$cluster" "$alone") times as much."
    done
    echo
    failed=$(errors)
    if ((failed == 0)); then echo "No request failed."; else echo "$failed requests failed: see the table."; fi
}

# Plain calls one after another, since a failure inside a here-document's $(...) would go unnoticed.
report() {
    local repeated="one round, so the figures are rough"
    ((rounds == 1)) || repeated="medians of $rounds rounds over the four servers, errors added up"
    cat <<TEXT
# A heavy endpoint under load

This page measures CPU-bound work in a cluster and in one process, with .NET and with Node.

\`benchmarks/loadtest.sh\` writes it. It runs the package \`loadtest\` against \`samples/HeavyEndpoint\`, and against the same endpoints in
plain Node (\`benchmarks/peers/node\`). Each runs as one process, and as a cluster of one worker per processor.

- Processors: $processors
- OS: $(. /etc/os-release && echo "$PRETTY_NAME"), $(uname -m)
- ASP.NET Core $(aspnetcore_version)
- Node $(node --version | tr -d v)
- loadtest $(node -p "require('$peers/package.json').devDependencies.loadtest"), one process, a new connection for each request

Figures: $repeated.
Memory is the resident memory of all processes of the server after its runs, added up. Shared pages count once for each process.
The load generator runs on the same machine and takes its part of the processors. \`/api/nocluster\` and \`/api/cluster\` do the same work:
a difference between them is noise.

TEXT
    table
    printf '\n## What it means\n\n'
    explain_dotnet
    echo
    explain_node
    echo
    if ((rounds > 1)); then
        explain_noise
        echo
    fi
    explain_latency
    echo
    explain_losses
    cat <<TEXT

Compare a cluster with the single process of the same runtime. The distance between .NET and Node comes mostly from their ways to
compute a power. It says nothing about clusters.

A .NET cluster is not for the speed of such work. It has other uses:

- A crash ends one worker and not the service.
- Workers can be replaced without failed requests, for a reload or to free memory.
- A garbage collection pauses one worker and not all.
TEXT
}

aspnetcore_version() {
    dotnet --list-runtimes | awk -v version="${framework#net}." '
        $1 == "Microsoft.AspNetCore.App" && index($2, version) == 1 { last = $2 }
        END { print last }'
}

measure() {
    local name=$1 warmup run row
    echo "$name" >&2
    start "$name"
    for warmup in "${warmups[@]}"; do
        load $warmup >/dev/null
    done
    for run in "${runs[@]}"; do
        row=$(load $run | figures)
        printf '%s\t%s\t%s\n' "$name" "$run" "$row" >>"$results"
    done
    row=$(memory)
    printf '%s\tmemory\t%s\n' "$name" "$row" >>"$results"
    stop
}

mkdir -p "$out" "$(dirname "$document")"
results=$out/results.tsv
: >"$results"
: >"$out/servers.log"

npm install --prefix "$peers" --include=dev --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error >&2
dotnet build -c Release "$root/samples/HeavyEndpoint" --nologo -v quiet >&2

for ((round = 1; round <= rounds; round++)); do
    echo "Round $round of $rounds" >&2
    for name in "${servers[@]}"; do
        measure "$name"
    done
done

report >"$out/report.md"
mv "$out/report.md" "$document"
table
