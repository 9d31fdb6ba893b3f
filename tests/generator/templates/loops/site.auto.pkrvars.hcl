release = "13"
disks   = [64]
