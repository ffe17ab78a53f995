#!/usr/bin/env bash
# docker-compose.yml for real: built, brought up, a study launched while worker, database and proxy are killed in
# turn; what can be reached, what can be written, where passwords stand; a backup restored into a fresh volume.
#
# It needs root, podman from Debian and the tools in ../shared/tools, which stand in for Docker and for the
# images of a registry; where they are absent it says so and ends with 0. It works on a copy under another
# name and port, so that a service of yours is not touched. Minutes the first time, then about five.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
tools=${WARMBOOT_COMPOSE_TOOLS:-$root/../shared/tools}
if [ ! -x "$tools/compose-up" ]; then echo "skipped: there is no $tools"; exit 0; fi
if [ "$(id -u)" != 0 ]; then echo "skipped: the stand-ins for the images need root"; exit 0; fi

work=$(mktemp -d)
project=$work/project
name=warmboot-check
port=18443
site=https://localhost:$port
password='check {@/%:$x'
person='open sesame'
n_trials=48
step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
compose() { (cd "$project" && podman-compose -f docker-compose.yml "$@" 2>>"$work/compose.log"); }
up() { (cd "$project" && "$work/venv/bin/python" "$tools/compose-up" --file docker-compose.yml --timeout 300 "$@"); }
warmboot() { compose run --rm -T --no-deps worker warmboot "$@"; }
container() { podman ps -a --filter label=com.docker.compose.project=$name \
    --filter "label=com.docker.compose.service=$1" --format '{{.Names}}' | head -1; }
containers() { podman ps -a --filter label=com.docker.compose.project=$name --format '{{.Names}}'; }
answer() { curl -sk -o "$work/page" -w '%{http_code}' "$@"; }
status() { compose exec -T dashboard warmboot status char_lm --json >"$work/status.json"; }
of_status() { python3 -c "import json; status = json.load(open('$work/status.json'))[0]; print($1)"; }
finished() { of_status 'sum(status["trials"].get(state, 0) for state in ("complete", "pruned"))'; }
until_true() { # SECONDS, WHAT, COMMAND...
    local deadline=$((SECONDS + $1)) what=$2; shift 2
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || fail "$what"
        sleep 1
    done
}
end() {
    [ ! -d "$project" ] || ! command -v podman-compose >/dev/null || compose down -v >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap end EXIT

step "A copy, podman, and images to stand in"
mkdir "$project"
tar -C "$root" -c Dockerfile docker-compose.yml .dockerignore constraints.txt pyproject.toml README.md LICENSE \
    warmboot search studies deploy | tar -C "$project" -x
sed -i "s/^name: warmboot$/name: $name/; s/image: warmboot$/image: $name/; \
    s/image: warmboot-proxy$/image: $name-proxy/; s/image: warmboot-gpu$/image: $name/" "$project/docker-compose.yml"
echo "WARMBOOT_PORT=$port" >"$project/.env"
"$tools/standin-images" "$project"
# What the official images have and these lack: a program for the health check, a folder for the socket.
caddy=$(sed -n 's/^FROM //p' "$project/deploy/Dockerfile.proxy")
postgres=$(sed -n 's/^ *image: \(postgres:.*\)/\1/p' "$project/docker-compose.yml")
mend_image() { # IMAGE, LINE, TEST
    podman run --rm --entrypoint sh "docker.io/library/$1" -c "$3" >/dev/null 2>&1 ||
        printf 'FROM docker.io/library/%s\n%s\n' "$1" "$2" |
        podman build -q --pull=never --network=host -t "docker.io/library/$1" - >/dev/null
}
mend_image "$caddy" 'RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends wget >/dev/null' \
    'command -v wget'
mend_image "$postgres" 'RUN install -d -o postgres -g postgres -m 3777 /run/postgresql' \
    '[ "$(stat -c %U /run/postgresql)" = postgres ]'
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q 'podman-compose==1.6.*' pyyaml
export PATH=$work/venv/bin:$PATH
export TORCH_INDEX_URL=${TORCH_INDEX_URL-} # the images' network knows PyPI alone

step "Build"
(cd "$project" && mkdir -m 700 secrets && touch secrets/{postgres,owner,worker,viewer,dashboard,dashboard_login,users}.txt)
sed -i '/profiles: \[gpu\]/,/deploy:/{/build:/,/TORCH_INDEX_URL/d}' "$project/docker-compose.yml" # no such card here
up --build no-such-service >"$work/build.log" 2>&1 || true # builds all, starts nothing
for image in $name $name-proxy; do
    podman image exists $image || { tail -30 "$work/build.log"; fail "the image $image was not built"; }
done

step "Without passwords nothing starts"
rm "$project"/secrets/*.txt
! up postgres >"$work/refused.log" 2>&1 || fail "it started without a password"
tail -1 "$work/refused.log"
compose down -v >/dev/null

step "Passwords, a person, and up"
"$project/deploy/secrets.sh"
printf '%s\n' "$password" >"$project/secrets/worker.txt"
hash=$(printf '%s\n' "$person" | compose run --rm --no-deps -T proxy caddy hash-password | grep -o '\$2.*')
echo "ada $hash" >"$project/secrets/users.txt"
up

step "A worker killed, then the database, then the proxy, while a study is trained"
warmboot launch char_lm --n-trials $n_trials --detach
# Over TCP: while it sets itself up, the server answers on its socket alone.
database_is_ready() { podman exec "$(container postgres)" pg_isready -q -h 127.0.0.1; }
has_finished() { status && [ "$(finished)" -ge "$1" ]; }
until_true 300 "no trial was trained" has_finished 2
podman kill "$(container worker)" >/dev/null && podman start "$(container worker)" >/dev/null
until_true 300 "no trial after the worker was killed" has_finished 8
podman kill "$(container postgres)" >/dev/null && sleep 5 && podman start "$(container postgres)" >/dev/null
until_true 120 "the database is not back" database_is_ready
podman kill "$(container proxy)" >/dev/null && podman start "$(container proxy)" >/dev/null
is_done() { status && [ "$(finished)" = "$1" ] && [ "$(of_status 'status["confirmed"]')" = True ]; }
until_true 600 "the study is not done" is_done $n_trials
warmboot status char_lm
hash=$(of_status 'status["hash"]')
[ "$(of_status 'status["n_trials"]')" = $n_trials ] && [ "$(of_status 'sum(status["trials"].values())')" = $n_trials ] || fail "one trial too many"

step "The same study of one process, never interrupted, has the same hash"
podman run --rm -i -e HOME=/tmp -e WARMBOOT_STORAGE=sqlite:////tmp/studies.db $name sh -c \
    "warmboot launch char_lm --n-trials $n_trials 2>/dev/null >/dev/null; warmboot status char_lm --json" >"$work/status.json"
[ "$(of_status 'status["hash"]')" = "$hash" ] || fail "another hash: $(of_status 'status["hash"]'), not $hash"

step "Export"
warmboot export char_lm --total-steps 15000 >"$work/schedule.json"
grep -q '"total_steps": 15000' "$work/schedule.json" || fail "no schedule: $(cat "$work/schedule.json")"

step "The dashboard: through the proxy, with a password, read-only"
[ "$(answer "$site/dashboard/")" = 401 ] || fail "the proxy asks for no password"
[ "$(answer -u "ada:wrong" "$site/api/studies")" = 401 ] || fail "the proxy takes any password"
[ "$(answer -u "ada:$person" "$site/api/studies")" = 200 ] || fail "the dashboard does not answer"
grep -q char_lm "$work/page" || fail "the dashboard does not know the study"
[ "$(answer -u "ada:$person" -X DELETE "$site/api/studies/1")" = 405 ] || fail "DELETE is not refused"
if command -v chromedriver >/dev/null; then
    "$work/venv/bin/pip" install -q 'selenium>=4.30'
    "$work/venv/bin/python" - "$site" "ada:$person" "$work/page.png" <<'PYTHON'
import base64, sys
from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait

site, login, picture = sys.argv[1:]
options = webdriver.ChromeOptions()
for option in ("--headless=new", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors"):
    options.add_argument(option)
service = webdriver.ChromeService("/usr/bin/chromedriver")
with webdriver.Chrome(options, service) as driver:
    driver.set_page_load_timeout(120)
    driver.get(f"{site}/dashboard/")
    assert "char_lm" not in driver.page_source and "Optuna" not in driver.title, "it shows the page to anybody"
    driver.execute_cdp_cmd("Network.enable", {})
    word = base64.b64encode(login.encode()).decode()  # as a browser sends what a person has typed
    driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Authorization": f"Basic {word}"}})
    driver.get(f"{site}/dashboard/")
    WebDriverWait(driver, 120).until(lambda page: "char_lm" in page.page_source)
    driver.save_screenshot(picture)
print("Chromium shows the study to who has a password")
PYTHON
else
    echo "skipped: chromedriver is not installed"
fi

step "A write with the viewer's role is refused by the database"
compose exec -T dashboard python -c '
import psycopg
password = open("/run/secrets/viewer_password").readline().strip()
login = {"host": "postgres", "dbname": "warmboot", "user": "warmboot_viewer", "password": password}
for statement in ("DELETE FROM studies", "DROP TABLE trials", "INSERT INTO studies (study_name) VALUES (1)"):
    with psycopg.connect(**login) as connection:
        connection.read_only = False
        try:
            connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege as error:
            print(statement, "->", str(error).splitlines()[0])
        else:
            raise SystemExit(f"not refused: {statement}")
' || fail "the database did not refuse a write of the viewer"

step "No port but the proxy's, no way from one network into the other"
published=$(podman ps --filter label=com.docker.compose.project=$name --format '{{.Ports}}' | grep . || true)
[ "$published" = "127.0.0.1:$port->8443/tcp" ] || fail "published: $published"
reach() { # FROM, HOST, PORT: through Python, where there is one
    compose exec -T "$1" python3 -c "import socket; socket.create_connection(('$2', $3), 3)" >/dev/null 2>&1
}
reach worker postgres 5432 || fail "the worker does not reach the database"
! reach proxy postgres 5432 || fail "the proxy reaches the database"
! reach worker proxy 8443 || fail "the worker reaches the proxy"
! reach worker 1.1.1.1 443 || fail "the worker reaches the world"
! reach dashboard 1.1.1.1 443 || fail "the dashboard reaches the world"

step "Nobody is root or can write; no password in ps, logs, images, or the environment"
for service in postgres worker dashboard proxy; do
    [ "$(compose exec -T $service id -u)" != 0 ] || fail "$service is root"
    ! compose exec -T $service sh -c 'touch /etc/x' 2>/dev/null || fail "$service can write its image"
    [ "$(compose exec -T $service sh -c "sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status")" = 0000000000000000 ] ||
        fail "$service has capabilities"
done
for file in "$project"/secrets/{postgres,owner,worker,viewer,dashboard}.txt; do head -n 1 "$file"; done >"$work/words"
sed 's/.*"Basic \(.*\)"/\1/' "$project/secrets/dashboard_login.txt" >>"$work/words"
echo "$person" >>"$work/words"
ps -eo args >"$work/ps.log"
for container in $(containers); do
    podman logs "$container" >"$work/$container.log" 2>&1
    podman inspect "$container" >"$work/$container.inspect.log"
    pid=$(podman inspect --format '{{.State.Pid}}' "$container")
    [ "$pid" = 0 ] || tr '\0' '\n' <"/proc/$pid/environ" >"$work/$container.environ.log"
done
compose exec -T dashboard sh -c 'cat /proc/[0-9]*/environ' 2>/dev/null | tr '\0' '\n' >"$work/dashboard.environ.log"
for image in $name $name-proxy; do
    podman history --no-trunc $image >"$work/$image.history.log"
    podman inspect $image >"$work/$image.image.log"
    ! podman run --rm --entrypoint sh $image -c 'ls /run/secrets/* 2>/dev/null | grep .' || fail "secrets in $image"
done
! grep -F -f "$work/words" "$work"/*.log || fail "a password can be read there"

step "A backup, restored into a fresh volume"
compose exec -T postgres pg_dump -U warmboot_owner --no-privileges -Fc warmboot >"$work/backup.dump"
worker=$(container worker)
podman stop -t 60 "$worker" >/dev/null
code=$(podman inspect --format '{{.State.ExitCode}}' "$worker")
[ "$code" = 143 ] || fail "the worker ended with $code"
compose down -v >/dev/null
! podman volume exists ${name}_postgres || fail "the volume is still there"
up postgres
until_true 120 "the database is not up" database_is_ready
compose exec -T postgres pg_restore -U warmboot_owner --no-owner --exit-on-error -d warmboot <"$work/backup.dump"
up
status
[ "$(of_status 'status["hash"]')" = "$hash" ] || fail "restored with the hash $(of_status 'status["hash"]'), not $hash"
[ "$(answer -u "ada:$person" "$site/api/studies")" = 200 ] || fail "the dashboard does not answer"
warmboot launch char_lm --n-trials $((n_trials + 8)) --detach
until_true 300 "the restored study does not go on" is_done $((n_trials + 8))

step "New passwords"
old=$(cat "$project/secrets/worker.txt")
for role in worker viewer; do openssl rand -hex 24 >"$project/secrets/$role.txt"; done
compose exec -T postgres sh /docker-entrypoint-initdb.d/roles.sh
warmboot status char_lm >/dev/null || fail "the new password is not taken"
! compose exec -T postgres env PGPASSWORD="$old" psql -h "$(podman inspect "$(container postgres)" \
    --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}')" -U warmboot_worker warmboot -c 'SELECT 1' \
    >/dev/null 2>&1 || fail "the old password is still taken"

step "Down"
compose down -v >/dev/null
left=$(containers)
[ -z "$left" ] || fail "still there: $left"
printf '\nThe compose file works: %d s.\n' "$SECONDS"
