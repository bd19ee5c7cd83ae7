#!/usr/bin/env bash
# Compiles src/main/cuda/*.cu into target/cuda/.../binary/*.fatbin, with machine code for several GPU architectures in each. Called by
# the Maven build. Without nvcc it says so and does nothing: the device then compiles by NVRTC. What was compiled from the same
# sources and flags before is taken from the user's cache, also after `mvn clean`. Families named *_sm90 use Hopper's own instructions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly sources=src/main/cuda
readonly output=target/cuda/io/sparsebalance/kernels/cuda/binary
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/sparsebalance/fatbin

# The launcher's build on a machine without a GPU need not wait for nvcc.
if [[ ${SPARSEBALANCE_CUDA_KERNELS:-} == skip ]]; then
  echo "[INFO] SPARSEBALANCE_CUDA_KERNELS=skip: the CUDA kernels are not compiled now, but by NVRTC on the machine that runs them"
  exit 0
fi

nvcc=$(command -v nvcc || true)
[[ -n $nvcc || ! -x /usr/local/cuda/bin/nvcc ]] || nvcc=/usr/local/cuda/bin/nvcc
if [[ -z $nvcc ]]; then
  echo "[INFO] no nvcc: the CUDA kernels are not compiled now, but by NVRTC on the machine that runs them"
  exit 0
fi

# Nothing changed since the last time: the usual case, and no nvcc is started.
mkdir -p target
readonly stamp=target/.cuda-stamp
state=$({ stat -L -c '%n %Y %s' "$nvcc"; cat "$sources"/* src/build/kernels.sh; } | sha256sum)
if [[ -f $stamp && $(<"$stamp") == "$state" ]]; then
  exit 0
fi

gencode() {
  local family=$1
  if [[ $family == *_sm90 ]]; then
    printf '%s\n' -gencode arch=compute_90a,code=sm_90a
    return
  fi
  printf '%s\n' -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90a,code=sm_90a
  if grep -qx sm_100 <<<"$architectures"; then
    printf '%s\n' -gencode arch=compute_100,code=sm_100
  fi
}

# Digest of a family's source, of all headers, of compiler and flags: what the result depends on.
key() {
  { printf '%s\n' "$version" "$@"; cat "$source" "$sources"/*.cuh; } | sha256sum | cut -d ' ' -f 1
}

compile() {
  local source=$1 family target cached temporary
  family=$(basename "$source" .cu)
  target=$output/$family.fatbin
  local -a flags=(-std=c++17 -O3 --no-compress)
  mapfile -t -O "${#flags[@]}" flags < <(gencode "$family")
  cached=$cache/$family-$(key "${flags[@]}").fatbin
  if [[ ! -f $cached ]]; then
    temporary=$(mktemp "$cached.XXXXXX")
    if ! "$nvcc" -fatbin "${flags[@]}" -o "$temporary" "$source"; then
      rm -f "$temporary"
      echo "[ERROR] nvcc refuses $source" >&2
      return 1
    fi
    mv "$temporary" "$cached"
  fi
  cmp -s "$cached" "$target" || install -m 644 "$cached" "$target"
}

mkdir -p "$output" "$cache"
version=$("$nvcc" --version)
architectures=$("$nvcc" --list-gpu-code)
failed=0
running=()
for source in "$sources"/*.cu; do
  compile "$source" &
  running+=($!)
  if ((${#running[@]} >= $(nproc))); then
    wait "${running[0]}" || failed=1
    running=("${running[@]:1}")
  fi
done
for process in "${running[@]}"; do
  wait "$process" || failed=1
done
# Families that are no more.
for target in "$output"/*.fatbin; do
  [[ -f $sources/$(basename "$target" .fatbin).cu ]] || rm -f "$target"
done
(cd "$output" && ls *.fatbin | sed 's/\.fatbin$//') >"$output/families.txt"
((failed)) || printf '%s' "$state" >"$stamp"
exit $failed
