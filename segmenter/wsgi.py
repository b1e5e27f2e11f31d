"""The WSGI application that granian's workers load."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "segmenter.settings")

application = get_wsgi_application()
_ = get_resolver().url_patterns  # loads the views now, not during the first request
