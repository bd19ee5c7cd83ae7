#!/usr/bin/env bash
# Runs SparseBalance with the Java runtime that lies beside this script.
set -euo pipefail
path=${BASH_SOURCE[0]}
while [[ -L $path ]]; do
  target=$(readlink "$path")
  [[ $target == /* ]] || target=$(dirname "$path")/$target
  path=$target
done
root=$(cd "$(dirname "$path")" && pwd -P)
# shellcheck disable=SC2086  # options are meant to be split
exec "$root/runtime/bin/java" --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow \
  --add-modules=jdk.incubator.vector -Dkryo.unsafe=false "-Djava.library.path=$root/native" ${SPARSEBALANCE_JAVA_OPTS:-} \
  -cp "$root/lib/*${SPARSEBALANCE_CLASSPATH:+:$SPARSEBALANCE_CLASSPATH}" "${SPARSEBALANCE_MAIN:-io.sparsebalance.app.Main}" "$@"
