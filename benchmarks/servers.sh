# What the scripts share that measure whole servers side by side; read by them. All servers run at once and are measured in turn, round after round,
# so that a machine whose speed drifts is unfair to none; what counts is the ratio within a round.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
server=$here/BenchServer/bin/Release/net10.0/BenchServer
results=$(mktemp)
pids=()

stop() { # all of them
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  pids=()
}

cleanup() {
  stop
  rm -f "$results"
}
trap cleanup EXIT

needs() { # programs; builds the server that is measured
  local tool
  for tool; do
    command -v "$tool" >/dev/null || { echo "$(basename "$0") needs $tool." >&2; exit 1; }
  done
  dotnet build -c Release -v quiet "$here/BenchServer" >/dev/null
}

start() { # port, command: the server, when it answers
  local port=$1 attempt
  shift
  "$@" & pids+=($!)
  for attempt in $(seq 100); do
    curl -fs "http://127.0.0.1:$port/" >/dev/null && return
    sleep 0.1
  done
  echo "The server on port $port did not start." >&2
  exit 1
}

measure() { # seconds, port, kept|each: requests per second, errors
  local header=()
  [ "$3" = kept ] || header=(-H 'Connection: close')
  timeout $(($1 + 10)) wrk -t1 -c64 -d"$1" "${header[@]}" "http://127.0.0.1:$2/" |
    awk '/Requests\/sec/ { rate = $2 } /Non-2xx/ { bad += $NF } /Socket errors/ { gsub(",", ""); bad += $4 + $6 + $10 } END { print rate, bad + 0 }'
}

ticks() { # of processor time, of the processes
  local id sum=0
  for id; do sum=$((sum + $(awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$id/stat"))); done
  echo "$sum"
}
