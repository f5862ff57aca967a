# syntax=docker/dockerfile:1
# The judge on a CPU: `docker build -t novel-check .`, then `docker run --rm novel-check demo`.
FROM python:3.11-slim AS wheels
WORKDIR /src
RUN pip install --no-cache-dir hatchling==1.33.0
COPY pyproject.toml README.md LICENSE ./
COPY bdh bdh
COPY pipeline pipeline
COPY examples examples
COPY ["novels/The Unlit Hour.txt", "novels/The Unlit Hour.txt"]
COPY models models
RUN hatchling build -t wheel -d /wheels
WORKDIR /src/models
RUN hatchling build -t wheel -d /wheels
WORKDIR /src/models/judge
RUN hatchling build -t wheel -d /wheels
WORKDIR /src/models/judge/verifier
RUN hatchling build -t wheel -d /wheels

FROM python:3.11-slim
COPY requirements.txt constraints.txt /pins/
# The CPU build of torch is a tenth of the one for a GPU. It is chosen first, so that nothing replaces it.
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch==2.13.0
COPY --from=wheels /wheels /wheels
RUN pip install --no-cache-dir -c /pins/requirements.txt -c /pins/constraints.txt /wheels/*.whl \
    && rm -r /wheels /pins \
    && useradd --create-home --uid 1000 reader \
    && mkdir /data \
    && chown reader /data
USER 1000
WORKDIR /data
VOLUME /data
ENV BDH_CACHE_DIR=/data/cache PYTHONUNBUFFERED=1
EXPOSE 8420
ENTRYPOINT ["novel-check"]
CMD ["demo"]
