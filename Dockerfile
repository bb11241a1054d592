# Two images from one file: `worker` runs a stage of a render, wherever chunks run; `operator` looks after
# RenderJobs. Both are Debian's slim image with Debian's Python, the locked packages of requirements/ and this
# checkout; both run as user 10001 on a read-only root, with /tmp to write to.
#
#   docker build --target worker -t helios-worker .
#
# Where package indexes are behind a proxy with a certificate of its own:
#   --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt     (used while building, in no layer)
ARG BASE=debian:bookworm-slim

# --- what both run on -------------------------------------------------------------------------------------------
FROM ${BASE} AS base
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/*.log \
    && groupadd --gid 10001 helios \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin helios
# HOME: the browser and fontconfig keep caches there, and /tmp is the one place to write to.
ENV PATH=/opt/helios/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# --- packages, made where the tools for it may stay behind --------------------------------------------------------
FROM base AS build
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*
COPY requirements/build.txt /build/
RUN --mount=type=secret,id=ca,required=false \
    if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && python3 -m venv /build/tools \
    && /build/tools/bin/pip install --quiet --no-cache-dir --require-hashes --only-binary :all: -r /build/build.txt \
    && python3 -m venv --without-pip /opt/helios
ENV UV_NO_CACHE=1 UV_NO_PROGRESS=1 UV_LINK_MODE=copy VIRTUAL_ENV=/opt/helios

# The checkout as a wheel: the images hold what users install.
FROM build AS wheel
COPY . /build/source
RUN cd /build/source && /build/tools/bin/hatchling build -t wheel -d /build/wheel

# --compile-bytecode: a read-only root keeps no bytecode, so every start would compile again.
# With what heliosctl needs: a film rendered by hand in this image is the cluster's, byte for byte. And with what
# functions need: every target runs this image, and the argument picks what it is there.
FROM build AS worker-packages
COPY requirements/image.txt /build/
RUN --mount=type=secret,id=ca,required=false \
    if [ -f /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
    && /build/tools/bin/uv pip install --quiet --require-hashes --only-binary :all: --compile-bytecode -r /build/image.txt
RUN --mount=from=wheel,source=/build/wheel,target=/build/wheel \
    /build/tools/bin/uv pip install --quiet --offline --no-deps --compile-bytecode /build/wheel/*.whl

FROM build AS operator-packages
COPY requirements/operator.txt /build/
RUN --mount=type=secret,id=ca,required=false \
    if [ -f /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
    && /build/tools/bin/uv pip install --quiet --require-hashes --only-binary :all: --compile-bytecode -r /build/operator.txt
RUN --mount=from=wheel,source=/build/wheel,target=/build/wheel \
    /build/tools/bin/uv pip install --quiet --offline --no-deps --compile-bytecode /build/wheel/*.whl

# --- operator -----------------------------------------------------------------------------------------------------
FROM base AS operator
COPY --from=operator-packages /opt/helios /opt/helios
ARG BASE REVISION=unknown VERSION=unknown
LABEL org.opencontainers.image.title="Helios Render operator" \
    org.opencontainers.image.description="Renders RenderJobs on Kubernetes and functions in the cloud" \
    org.opencontainers.image.licenses="Apache-2.0 AND OFL-1.1" \
    org.opencontainers.image.base.name="${BASE}" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["tini", "--", "python", "-m", "helios_operator"]

# --- worker -------------------------------------------------------------------------------------------------------
FROM base AS worker
# Chromium draws with its own SwiftShader; what its packages pull in for graphics cards would be 180 MB that nothing
# opens (LLVM alone 112). dpkg leaves it out and knows it, so `apt-get install` in an image on top of this one works.
# The font cache is written here: a page's first text would wait for it, in every pod.
RUN printf 'path-exclude %s\n' '/usr/lib/*/libLLVM*' '/usr/lib/*/libz3.so*' '/usr/lib/*/dri/*' \
        '/usr/lib/chromium/libVkLayer*' '/usr/share/X11/xkb/*' >/etc/dpkg/dpkg.cfg.d/no-graphics-cards \
    && apt-get update \
    && apt-get install --yes --no-install-recommends chromium-headless-shell fontconfig \
        fonts-dejavu-core fonts-inter fonts-liberation fonts-noto-cjk fonts-noto-color-emoji fonts-noto-core \
    && fc-cache --force \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/*.log
COPY --from=worker-packages /opt/helios /opt/helios
ARG BASE REVISION=unknown VERSION=unknown
LABEL org.opencontainers.image.title="Helios Render worker" \
    org.opencontainers.image.description="Plans, renders and stitches films of web pages, a stage at a time" \
    org.opencontainers.image.licenses="Apache-2.0 AND OFL-1.1" \
    org.opencontainers.image.base.name="${BASE}" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
USER 10001:10001
WORKDIR /tmp
# In AWS Lambda process 1 is Lambda's own: tini reaps the browser's processes there as a subreaper, and without this it
# would say at each start that it cannot.
ENV TINI_SUBREAPER=1
# The argument picks what it does: plan REQUEST, chunk JOB INDEX, stitch JOB; lambda; serve.
ENTRYPOINT ["tini", "--", "helios-worker"]
