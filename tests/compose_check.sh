#!/usr/bin/env bash
# docker-compose.yml for real: built, brought up, a study launched, trained and exported, taken down.
#
# It needs root, podman from Debian and the tools in ../shared/tools, which stand in for Docker and for the
# images of a registry; where they are absent it says so and ends with 0. It works on a copy under another
# name and port, so that a service of yours is not touched. Some minutes the first time, then about one.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
tools=$root/../shared/tools
if [ ! -x "$tools/compose-up" ]; then echo "skipped: there is no $tools"; exit 0; fi
if [ "$(id -u)" != 0 ]; then echo "skipped: the stand-ins for the images need root"; exit 0; fi

work=$(mktemp -d)
project=$work/project
port=18080
password='check {@/%:$x'
step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
compose() { (cd "$project" && podman-compose -f docker-compose.yml "$@"); }
up() { (cd "$project" && "$work/venv/bin/python" "$tools/compose-up" --file docker-compose.yml "$@"); }
warmboot() { compose run --rm -T --no-deps worker warmboot "$@"; }
end() {
    [ ! -d "$project" ] || ! command -v podman-compose >/dev/null || compose down -v >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap end EXIT

step "A copy, podman, and images to stand in"
mkdir "$project"
tar -C "$root" -c Dockerfile docker-compose.yml .dockerignore constraints.txt pyproject.toml README.md LICENSE \
    warmboot search studies | tar -C "$project" -x
sed -i "s/^name: warmboot$/name: warmboot-check/; s/image: warmboot$/image: warmboot-check/; \
    s/127.0.0.1:8080:/127.0.0.1:$port:/" "$project/docker-compose.yml"
"$tools/standin-images" "$project"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q 'podman-compose==1.6.*' pyyaml
export PATH=$work/venv/bin:$PATH
export TORCH_INDEX_URL=${TORCH_INDEX_URL-} # the images' network knows PyPI alone

step "Build"
compose_build_log=$work/build.log
(cd "$project" && mkdir -m 700 secrets && touch secrets/postgres.txt secrets/dashboard.txt)
up --build no-such-service >"$compose_build_log" 2>&1 || true # builds all, starts nothing
podman image exists warmboot-check || { tail -30 "$compose_build_log"; fail "the image was not built"; }

step "Without passwords nothing starts"
rm "$project"/secrets/*.txt
! up postgres >"$work/refused.log" 2>&1 || fail "it started without a password"
tail -1 "$work/refused.log"
compose down -v >/dev/null 2>&1

step "Up"
printf '%s\n' "$password" >"$project/secrets/postgres.txt"
echo "warmboot:dashboard-secret" >"$project/secrets/dashboard.txt"
chmod 644 "$project"/secrets/*.txt
up

step "Launch, and wait for the worker"
warmboot launch char_lm --n-trials 16 --detach
deadline=$((SECONDS + 300))
until warmboot status char_lm --json >"$work/status.json" && grep -q '"confirmed": true' "$work/status.json"; do
    [ "$SECONDS" -lt "$deadline" ] || fail "the study is not done: $(cat "$work/status.json")"
    sleep 3
done
warmboot status char_lm

step "Export"
warmboot export char_lm --total-steps 15000 >"$work/schedule.json"
grep -q '"total_steps": 15000' "$work/schedule.json" || fail "no schedule: $(cat "$work/schedule.json")"

step "The dashboard: on this machine, with its password, read-only"
site=http://127.0.0.1:$port
answer() { curl -s -o "$work/page" -w '%{http_code}' "$@"; }
[ "$(answer "$site/api/studies")" = 401 ] || fail "the dashboard asks for no password"
[ "$(answer -u warmboot:dashboard-secret "$site/api/studies")" = 200 ] || fail "the dashboard does not answer"
grep -q char_lm "$work/page" || fail "the dashboard does not know the study"
code=$(answer -u warmboot:dashboard-secret -X DELETE "$site/api/studies/1")
case $code in 403 | 405) ;; *) fail "deleting a study was answered with $code" ;; esac

step "Not root, nothing to write, no password in any log"
[ "$(compose exec -T worker id -u)" = 10001 ] || fail "the worker is root"
! compose exec -T worker touch /home/warmboot/x 2>/dev/null || fail "the worker can write its image"
for name in $(podman ps -a --filter label=com.docker.compose.project=warmboot-check --format '{{.Names}}'); do
    podman logs "$name" >"$work/$name.log" 2>&1
    ! grep -F -e "$password" -e dashboard-secret "$work/$name.log" || fail "a password is in the log of $name"
done

step "The worker ends when it is told to"
worker=$(podman ps --filter label=com.docker.compose.service=worker --format '{{.Names}}' | head -1)
podman stop -t 40 "$worker" >/dev/null
code=$(podman inspect --format '{{.State.ExitCode}}' "$worker")
[ "$code" = 143 ] || fail "the worker ended with $code"

step "Down"
compose down -v >/dev/null 2>&1
left=$(podman ps -a --filter label=com.docker.compose.project=warmboot-check --format '{{.Names}}')
[ -z "$left" ] || fail "still there: $left"
! podman volume exists warmboot-check_postgres || fail "the volume is still there"
printf '\nThe compose file works: %d s.\n' "$SECONDS"
