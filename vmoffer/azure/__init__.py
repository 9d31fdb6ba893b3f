"""Azure itself: which cloud, who we are there, and the few calls of Azure Resource Manager that we make.

Nothing here is imported before a command needs it; the packages are the extra `azure`.
"""
