# The service with PostgreSQL's driver: one image for every service of docker-compose.yml but the database.
FROM python:3.12.12-slim-trixie

# torch for the CPU; for NVIDIA GPUs build with TORCH_INDEX_URL=https://download.pytorch.org/whl/cu126
# in the environment. Empty: torch as PyPI has it.
ARG TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

# torch alone first: it is most of the image, and stays cached when the project changes.
COPY constraints.txt /build/
RUN pip install --constraint /build/constraints.txt \
    ${TORCH_INDEX_URL:+--extra-index-url "$TORCH_INDEX_URL"} torch

# Then what else the service needs: a layer that a change of the project's own code leaves cached, too.
COPY pyproject.toml /build/
RUN python -c "import tomllib; about = tomllib.load(open('/build/pyproject.toml', 'rb'))['project']; \
    extras = about['optional-dependencies']; \
    print(*about['dependencies'], *extras['search'], *extras['postgres'], sep='\n')" > /build/requirements.txt && \
    pip install --constraint /build/constraints.txt --requirement /build/requirements.txt

COPY README.md LICENSE /build/
COPY warmboot /build/warmboot
COPY search /build/search
COPY studies /build/studies
RUN pip install --constraint /build/constraints.txt "/build[search,postgres]" && rm -r /build

# Not root; nothing of the image is theirs to write.
RUN useradd --uid 10001 --create-home warmboot
USER 10001:10001
WORKDIR /home/warmboot
CMD ["warmboot", "--help"]
