"""Every Django setting. The environment is read through env.py only; policy that an operator
changes while the server runs is not here but in core/system.py.
"""

from __future__ import annotations

from email.utils import formataddr
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from speakr_site import api_settings, env
from speakr_site.core import system
from speakr_site.database import database

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "1.0.0"

# Places
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "data"))).expanduser().resolve()
MEDIA_ROOT = Path(env.text("UPLOAD_FOLDER", str(DATA_DIR / "uploads"))).expanduser().resolve()
# On the same file system as MEDIA_ROOT, so that keeping an upload is a rename.
FILE_UPLOAD_TEMP_DIR = MEDIA_ROOT / ".incoming"
SCRATCH_DIR = DATA_DIR / "scratch"
MODELS_DIR = DATA_DIR / "models"
for folder in (DATA_DIR, MEDIA_ROOT, FILE_UPLOAD_TEMP_DIR, SCRATCH_DIR, MODELS_DIR):
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)

# The server, as speakr_site/gunicorn.py binds it and `prepare` names it
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, minimum=1, maximum=65535)
# Set by supervisord for what it starts.
SUPERVISED = env.flag("SUPERVISOR_ENABLED", default=False)
# The first operator, made by `prepare`; without a password one is made up and shown once.
ADMIN_USERNAME = env.text("ADMIN_USERNAME", "admin")
ADMIN_EMAIL = env.text("ADMIN_EMAIL", "admin@localhost.localdomain")
ADMIN_PASSWORD = env.secret("ADMIN_PASSWORD")

# Django
SECRET_KEY = env.secret("SECRET_KEY") or env.kept_secret(DATA_DIR / "secret_key")
SECRET_KEY_FALLBACKS = env.items("SECRET_KEY_FALLBACKS")
DEBUG = False
# Nothing is built from the Host header but links back to the same host.
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", "*")
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.flag("SESSION_COOKIE_SECURE", default=False)
SECURE_REFERRER_POLICY = "same-origin"
# How many proxies in front of us to believe.
TRUSTED_PROXY_HOPS = env.integer("TRUSTED_PROXY_HOPS", 0, maximum=10)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_HOPS else None
ROOT_URLCONF = "speakr_site.urls"
WSGI_APPLICATION = "speakr_site.wsgi.application"
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = env.zone("TIME_ZONE", env.text("TZ", "UTC"))
LANGUAGE_CODE = "en-gb"
USE_I18N = False
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.NameOrEmailBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "account"
LOGOUT_REDIRECT_URL = "login"

INSTALLED_APPS = [
    "speakr_site.apps.SpeakrAdminConfig",
    # Before Django's: its changepassword command is ours.
    "accounts",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "constance",
    # Before django_q: its qcluster command is ours.
    "speakr_site.core",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "organizing",
    "speakers",
    "hooks",
    "recordings",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "speakr_site" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Database and cache
try:
    DATABASES = {
        "default": database(
            env.secret("DATABASE_URL") or env.secret("SQLALCHEMY_DATABASE_URI"), DATA_DIR
        )
    }
except ValueError as error:
    raise ImproperlyConfigured(f"DATABASE_URL: {error}") from None
# What is counted of requests and failed log-ins: shared by the threads of one process, or by all
# that know the same Redis.
REDIS_URL = env.secret("REDIS_URL")
if REDIS_URL and not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise ImproperlyConfigured("REDIS_URL must begin with redis://, rediss:// or unix://.")
CACHES = {
    "default": {
        "BACKEND": "speakr_site.core.cache.LenientRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "speakr",
        # Of a request's time while Redis is away.
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    }
    if REDIS_URL
    else {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}
# Who cannot be counted is served.
RATELIMIT_FAIL_OPEN = True
WEB_PROCESSES = env.integer("WEB_CONCURRENCY", 1, minimum=1, maximum=64)

# Files: everything but tiny form fields goes to disk as it streams in.
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Files come in by one route, which brings its own handler; no form of a page takes any.
FILE_UPLOAD_HANDLERS: list[str] = []
FILE_UPLOAD_PERMISSIONS = 0o640
# All form fields of a request together, or one JSON body; files do not count.
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

# System settings: their definitions stand in core/system.py
CONSTANCE_BACKEND = "constance.backends.database.DatabaseBackend"
CONSTANCE_CONFIG = system.CONFIG
CONSTANCE_CONFIG_FIELDSETS = system.FIELDSETS
CONSTANCE_ADDITIONAL_FIELDS = system.FIELDS

# Transcription: names as existing deployments set them
WHISPER_MODEL = env.text("WHISPER_MODEL")
WHISPER_DEVICE = env.choice("WHISPER_DEVICE", "auto", ("auto", "cpu", "cuda"))
# CTranslate2's names
WHISPER_COMPUTE_TYPE = env.choice(
    "WHISPER_COMPUTE_TYPE",
    "auto",
    ("auto", "default", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16")
    + ("float16", "bfloat16", "float32"),
)
WHISPER_BATCH_SIZE = env.integer("WHISPER_BATCH_SIZE", 0, maximum=256)
WHISPER_THREADS = env.integer("WHISPER_THREADS", 0, maximum=256)
MODEL_IDLE_UNLOAD_SECONDS = env.integer("MODEL_IDLE_UNLOAD_SECONDS", 900)
WINDOW_SECONDS = env.integer("TRANSCRIPTION_WINDOW_SECONDS", 600, minimum=30, maximum=3600)
DIARIZER = env.choice("DIARIZER", "embedded", ("embedded", "pyannote", "none"))
PYANNOTE_MODEL_DIR = env.text("PYANNOTE_MODEL_DIR")
ASR_BASE_URL = env.text("ASR_BASE_URL")
TRANSCRIPTION_CONNECTOR = env.choice(
    "TRANSCRIPTION_CONNECTOR",
    "asr_endpoint" if ASR_BASE_URL else "faster_whisper",
    ("faster_whisper", "asr_endpoint"),
)
if TRANSCRIPTION_CONNECTOR == "asr_endpoint" and not ASR_BASE_URL.startswith(
    ("http://", "https://")
):
    raise ImproperlyConfigured("The asr_endpoint connector needs ASR_BASE_URL, an http(s) address.")
TRANSCRIPTION_MODEL = env.text("TRANSCRIPTION_MODEL")
TRANSCRIPTION_MODELS_AVAILABLE = env.items("TRANSCRIPTION_MODELS_AVAILABLE")
TRANSCRIPTION_MODEL_LABELS = env.items("TRANSCRIPTION_MODEL_LABELS")
ASR_TIMEOUT = env.integer("ASR_TIMEOUT", None, minimum=1)
ASR_DIARIZE = env.flag("ASR_DIARIZE", default=True)
ASR_MIN_SPEAKERS = env.integer("ASR_MIN_SPEAKERS", None, minimum=1)
ASR_MAX_SPEAKERS = env.integer("ASR_MAX_SPEAKERS", None, minimum=1)
ASR_RETURN_SPEAKER_EMBEDDINGS = env.flag("ASR_RETURN_SPEAKER_EMBEDDINGS", default=False)
ASR_ENABLE_CHUNKING = env.flag("ASR_ENABLE_CHUNKING", default=False)
ASR_MAX_DURATION_SECONDS = env.integer("ASR_MAX_DURATION_SECONDS", 7200, minimum=60)

# Language models: any server that speaks OpenAI's chat completions
TEXT_MODEL_NAME = env.text("TEXT_MODEL_NAME")
TEXT_MODEL_BASE_URL = env.text("TEXT_MODEL_BASE_URL")
TEXT_MODEL_API_KEY = env.secret("TEXT_MODEL_API_KEY")
TEXT_MODEL_CONTEXT_TOKENS = env.integer("TEXT_MODEL_CONTEXT_TOKENS", 8192, minimum=2048)
CHAT_MODEL_NAME = env.text("CHAT_MODEL_NAME")
CHAT_MODEL_BASE_URL = env.text("CHAT_MODEL_BASE_URL")
CHAT_MODEL_API_KEY = env.secret("CHAT_MODEL_API_KEY")
CHAT_MODEL_CONTEXT_TOKENS = env.integer("CHAT_MODEL_CONTEXT_TOKENS", None, minimum=2048)
for url in (TEXT_MODEL_BASE_URL, CHAT_MODEL_BASE_URL):
    if url and not url.startswith(("http://", "https://")):
        raise ImproperlyConfigured("TEXT_MODEL_BASE_URL and CHAT_MODEL_BASE_URL are http(s).")
LLM_REQUEST_TIMEOUT = env.integer("LLM_REQUEST_TIMEOUT", 600, minimum=1)
LLM_CONNECT_TIMEOUT = env.integer("LLM_CONNECT_TIMEOUT", 30, minimum=1)
LLM_MAX_RETRIES = env.integer("LLM_MAX_RETRIES", 2, maximum=10)
SUMMARY_MAX_TOKENS = env.integer("SUMMARY_MAX_TOKENS", 3000, minimum=100)
CHAT_MAX_TOKENS = env.integer("CHAT_MAX_TOKENS", 2000, minimum=100)
TITLE_MAX_TOKENS = env.integer("TITLE_MAX_TOKENS", 5000, minimum=100)
EVENT_MAX_TOKENS = env.integer("EVENT_MAX_TOKENS", 3000, minimum=100)
# As gunicorn.py has it: half of the threads may wait for a model.
WEB_THREADS = env.integer("WEB_THREADS", 8, minimum=1, maximum=256)

# Recordings
VIDEO_RETENTION = env.flag("VIDEO_RETENTION", default=False)
USERS_CAN_DELETE = env.flag("USERS_CAN_DELETE", default=True)
ENABLE_AUTO_DELETION = env.flag("ENABLE_AUTO_DELETION", default=False)
# 0: only tags and folders say when a recording goes.
GLOBAL_RETENTION_DAYS = env.integer("GLOBAL_RETENTION_DAYS", 0, maximum=36_500)
DELETION_MODE = env.choice("DELETION_MODE", "full_recording", ("full_recording", "audio_only"))

# Access
ALLOW_QUERY_TOKEN = env.flag("ALLOW_QUERY_TOKEN", default=True)
API_DOCS_PUBLIC = env.flag("API_DOCS_PUBLIC", default=True)
ENABLE_INTERNAL_SHARING = env.flag("ENABLE_INTERNAL_SHARING", default=False)
ENABLE_PUBLIC_SHARING = env.flag("ENABLE_PUBLIC_SHARING", default=True)
# What people reach this server by, without a path's end: links in mails begin with it, never with
# what a Host header says.
PUBLIC_URL = env.text("PUBLIC_URL").rstrip("/")
if PUBLIC_URL and not PUBLIC_URL.startswith(("http://", "https://")):
    raise ImproperlyConfigured("PUBLIC_URL must begin with http:// or https://.")
# Of a link in a mail, in seconds.
PASSWORD_RESET_TIMEOUT = 3600

# Webhooks: names as existing deployments set them
WEBHOOK_GLOBAL_ENABLED = env.flag("WEBHOOK_GLOBAL_ENABLED", default=True)
WEBHOOK_MAX_PER_USER = env.integer("WEBHOOK_MAX_PER_USER", 10, minimum=1)
# Of one attempt, in seconds; the lane ends what takes a minute.
WEBHOOK_DELIVERY_TIMEOUT_SECONDS = env.integer(
    "WEBHOOK_DELIVERY_TIMEOUT_SECONDS", 10, minimum=1, maximum=30
)
WEBHOOK_MAX_ATTEMPTS = env.integer("WEBHOOK_MAX_ATTEMPTS", 5, minimum=1, maximum=100)
# Seconds before each attempt; the last one counts for all that follow.
WEBHOOK_RETRY_DELAYS = env.integers(
    "WEBHOOK_RETRY_DELAYS", "0,30,120,600,3600", maximum=30 * 24 * 3600
)
WEBHOOK_AUTOPAUSE_FAILURES = env.integer("WEBHOOK_AUTOPAUSE_FAILURES", 10, minimum=1)
WEBHOOK_DELIVERY_RETENTION_DAYS = env.integer(
    "WEBHOOK_DELIVERY_RETENTION_DAYS", 30, minimum=1, maximum=36_500
)
# Receivers in private networks: hosts by a pattern that matches the whole name, or address ranges.
WEBHOOK_INTRANET_HOST_ALLOWLIST = env.pattern("WEBHOOK_INTRANET_HOST_ALLOWLIST")
WEBHOOK_ALLOWED_PRIVATE_CIDRS = env.networks("WEBHOOK_ALLOWED_PRIVATE_CIDRS")

# Mail
EMAIL_HOST = env.text("SMTP_HOST")
EMAIL_PORT = env.integer("SMTP_PORT", 587, minimum=1, maximum=65535)
EMAIL_HOST_USER = env.text("SMTP_USERNAME")
EMAIL_HOST_PASSWORD = env.secret("SMTP_PASSWORD")
EMAIL_USE_SSL = env.flag("SMTP_USE_SSL", default=False)
EMAIL_USE_TLS = env.flag("SMTP_USE_TLS", default=True) and not EMAIL_USE_SSL
# Of each step of a conversation with the mail server, in seconds.
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = formataddr(
    (
        env.text("SMTP_FROM_NAME", "Speakr"),
        env.text("SMTP_FROM_ADDRESS", f"noreply@{urlsplit(PUBLIC_URL).hostname or 'localhost'}"),
    )
)

# Queue: rows are the truth and django-q2 only rings the bell, so a message may be lost or doubled
# at no cost.
JOB_MAX_RETRIES = env.integer("JOB_MAX_RETRIES", 3, minimum=1, maximum=20)
JOB_QUEUE_WORKERS = env.integer("JOB_QUEUE_WORKERS", 2, minimum=1, maximum=64)
SUMMARY_QUEUE_WORKERS = env.integer("SUMMARY_QUEUE_WORKERS", 2, minimum=1, maximum=64)
GPU_LANE_WORKERS = 1 if TRANSCRIPTION_CONNECTOR == "faster_whisper" else JOB_QUEUE_WORKERS
HOUR = 3600
Q_CLUSTER = {
    "name": "speakr",
    "orm": "default",
    "workers": 4,
    "queue_limit": 4,
    "bulk": 1,
    "timeout": 60,
    "retry": 600,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": 250,
    "poll": 0.2,
    "guard_cycle": 0.5,
    "catch_up": False,
    "recycle": 500,
    "ALT_CLUSTERS": {
        "gpu": {
            "workers": GPU_LANE_WORKERS,
            "queue_limit": 1,
            "timeout": 24 * HOUR,
            "retry": 7 * 24 * HOUR,
            "recycle": 1_000_000,
            "max_attempts": 1,
            "ack_failures": True,
        },
        "text": {
            "workers": SUMMARY_QUEUE_WORKERS,
            "queue_limit": 1,
            "timeout": 24 * HOUR,
            "retry": 7 * 24 * HOUR,
            "max_attempts": 1,
            "ack_failures": True,
        },
    },
}
# Bell: what it runs and in which lane. Dotted paths, so that services can ring without importing
# tasks.
BELLS = {
    "gpu": ("recordings.tasks.work", "gpu"),
    "text": ("recordings.tasks.work", "text"),
    "mail": ("accounts.tasks.work", "speakr"),
    "deliveries": ("hooks.tasks.work", "speakr"),
}
# name: (function, arguments, lane, minutes between two runs)
SCHEDULES = {
    "canary speakr": ("speakr_site.core.queue.stamp", ("speakr",), "speakr", 1),
    "canary gpu": ("speakr_site.core.queue.stamp", ("gpu",), "gpu", 1),
    "canary text": ("speakr_site.core.queue.stamp", ("text",), "text", 1),
    "sweep": ("recordings.tasks.sweep", (), "speakr", 1),
    "mail": ("accounts.tasks.work", ("mail",), "speakr", 1),
    "deliveries": ("hooks.tasks.sweep", (), "speakr", 1),
    "sweep orphans": ("recordings.tasks.sweep_orphans", (), "speakr", 60),
    "retention": ("recordings.tasks.retain", (), "speakr", 15),
}

# API: requests of one caller, by group, as (number, seconds). Failed log-ins are limited always.
RATE_LIMITS = {
    "stats": env.rate("RATE_LIMIT_STATS", "60/minute"),
    "read": env.rate("RATE_LIMIT_READ", "100/minute"),
    "write": env.rate("RATE_LIMIT_WRITE", "30/minute"),
    "processing": env.rate("RATE_LIMIT_PROCESSING", "10/minute"),
    "batch": env.rate("RATE_LIMIT_BATCH", "10/minute"),
}
if not env.flag("RATELIMIT_ENABLE", default=True):
    RATE_LIMITS = {}
REST_FRAMEWORK = api_settings.REST_FRAMEWORK
SPECTACULAR_SETTINGS = api_settings.spectacular_settings(VERSION)

LOGGING_CONFIG = "speakr_site.core.logs.configure"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {
        "handlers": ["stderr"],
        "level": env.choice(
            "LOG_LEVEL", "info", ("debug", "info", "warning", "error", "critical")
        ).upper(),
    },
    "loggers": {
        "constance.migrations": {"level": "WARNING"},
        # A line for each request, with its address.
        "httpx2": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
        "bm25s": {"level": "WARNING"},
    },
}
