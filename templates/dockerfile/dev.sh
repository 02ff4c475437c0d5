#!/bin/sh
# Compiles a program from its sources and runs it, and does both again after each change.
#   DOCKERIZE_BIN    which program: {{ plan.dev.programs | map(attribute="name") | join(", ") | comment }}
#   DOCKERIZE_POLL   look for changes every so often (500ms), where the engine does not hear of them
#   DOCKERIZE_GRACE  how long a program may take to end that was told to (8s)
set -eu
name=${DOCKERIZE_BIN:-{{ plan.dev.programs[0].name | sh }}}
default() { eval "[ -n \"\${$1+set}\" ]" || export "$1=$2"; }
{%- if plan.dev.watcher %}

if [ "${1-}" != run ]; then
  # It passes signals on to the program, and has it end before it is run again.
  # Patterns hang on the project's folder, wherever they begin: an absolute one would ignore nothing.
  exec watchexec --restart --stop-signal SIGTERM --stop-timeout "${DOCKERIZE_GRACE:-8s}" --shell none ${DOCKERIZE_POLL:+--poll "$DOCKERIZE_POLL"} \
    --project-origin {{ plan.context.workdir }} --watch {{ plan.context.workdir }} --ignore "${CARGO_TARGET_DIR#{{ plan.context.workdir }}}/**" -- dockerize-dev run
fi
{%- endif %}

case $name in
{%- for program in plan.dev.programs %}
{{ program.name | sh }})
  folder={{ program.workdir | sh }}
  set -- {{ program.cargo_args | map("sh") | join(" ") }}
{%- for name, value in program.env | items %}
  default {{ name }} {{ value | sh }}
{%- endfor %}
  ;;
{%- endfor %}
*)
  echo "dockerize-dev: DOCKERIZE_BIN names \`$name\`, and there is" {{ plan.dev.programs | map(attribute="name") | map("sh") | join(" ") }} >&2
  exit 2
  ;;
esac
cargo build --locked --profile "$CARGO_PROFILE" "$@"
case $CARGO_PROFILE in dev|test) built=debug ;; bench) built=release ;; *) built=$CARGO_PROFILE ;; esac
cd "$folder"
exec "$CARGO_TARGET_DIR/$CARGO_BUILD_TARGET/$built/$name"
