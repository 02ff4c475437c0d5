# shellcheck shell=sh
# Compiles a program from the mounted sources and runs it, and does both again after each change.
#   DOCKERIZE_BIN    the program: {{ plan.dev.programs | map(attribute="name") | join(", ") | comment }}
#   DOCKERIZE_POLL   how often to look for changes (500ms), where the engine does not report them
#   DOCKERIZE_GRACE  how long a program may take to stop (8s)
set -eu
name=${DOCKERIZE_BIN:-{{ plan.dev.programs[0].name | sh }}}
{%- if plan.dev.watcher %}
if [ "${1-}" != run ]; then
  exec watchexec --restart --stop-signal SIGTERM --stop-timeout "${DOCKERIZE_GRACE:-8s}" --shell none ${DOCKERIZE_POLL:+--poll "$DOCKERIZE_POLL"} \
    --project-origin {{ plan.context.workdir }} --watch {{ plan.context.workdir }} --ignore '/target/**' -- sh "$0" run
fi
{%- endif %}
default() { eval "[ -n \"\${$1+set}\" ]" || export "$1=$2"; }
case $name in
{%- for program in plan.dev.programs %}
{{ program.name | sh }})
  folder={{ program.workdir | sh }} && set -- {{ program.cargo_args | map("cargo") | join(" ") }}
{%- for name, value in program.env | items %}
  default {{ name }} {{ value | sh }}
{%- endfor %}
  ;;
{%- endfor %}
*) echo "DOCKERIZE_BIN is \`$name\`; it can be" {{ plan.dev.programs | map(attribute="name") | map("sh") | join(" ") }} >&2 && exit 2 ;;
esac
cargo build --locked --profile "$CARGO_PROFILE" "$@"
case $CARGO_PROFILE in dev | test) built=debug ;; bench) built=release ;; *) built=$CARGO_PROFILE ;; esac
cd "$folder"
{%- if plan.dev.programs | selectattr("arguments") | list %}
set --
case $name in
{%- for program in plan.dev.programs if program.arguments %}
{{ program.name | sh }}) set -- {{ program.arguments | map("sh") | join(" ") }} ;;
{%- endfor %}
esac
exec "$CARGO_TARGET_DIR/$CARGO_BUILD_TARGET/$built/$name" "$@"
{%- else %}
exec "$CARGO_TARGET_DIR/$CARGO_BUILD_TARGET/$built/$name"
{%- endif %}
