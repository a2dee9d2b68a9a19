"""Where recordings are filed: tags and folders. Nothing of it works yet."""
