#!/usr/bin/env bash
# Unpacks an archive of dist.sh and uses it as on a machine without Java: version, capabilities, two training steps.
# Arguments: the archive, then overrides for the training run such as device.kind=cuda.
set -euo pipefail
archive=$(realpath "$1")
shift
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
tar -C "$place" -xf "$archive"
mkdir "$place/texts" "$place/path"
for i in $(seq 20); do
  for ((line = 0; line < 40; line++)); do
    echo "Text $i about nothing in particular, line $line."
  done >"$place/texts/$i.txt"
done
for tool in bash cat dirname env pwd readlink; do
  ln -s "$(command -v "$tool")" "$place/path/"
done
overrides=()
for override in "$@"; do
  overrides+=(--set "$override")
done
program=$(echo "$place"/sparsebalance-*/sparsebalance)
run() {
  env -i PATH="$place/path" HOME="$place" "$program" "$@"
}
run --version
run doctor
run train --set data.source="$place/texts" --set run.directory="$place/runs" --set run.steps=2 --set run.ranks=1 "${overrides[@]}"
[[ -f $place/runs/latest/report.html ]]
echo "$(basename "$archive"): works without Java on the path"
