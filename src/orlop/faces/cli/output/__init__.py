"""What listing commands show: rows by `--format`, in docker's tables, sizes and ages."""
