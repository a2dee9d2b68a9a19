from django.contrib import admin


class SpeakrAdminSite(admin.AdminSite):
    site_header = site_title = "Speakr"
