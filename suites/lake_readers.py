"""Counts the rows of each table of a lake with DuckDB, pandas (PyArrow) and Polars, by Hive partitions.

    lake_readers.py DATALAKE_ROOT TABLE=ROWS ...

Compares with the given counts (from `minicluster sql`) and exits 1 where one differs.
"""

import sys
from pathlib import Path


def duckdb_rows(folder):
    import duckdb

    return duckdb.sql(f"select count(*) from read_parquet('{folder}/**/*.parquet', hive_partitioning=true)").fetchall()[0][0]


def pandas_rows(folder):
    import pandas

    frame = pandas.read_parquet(folder)
    assert "dt" in frame.columns
    return len(frame)


def polars_rows(folder):
    import polars

    return polars.scan_parquet(f"{folder}/**/*.parquet", hive_partitioning=True).select(polars.len()).collect().item()


def main():
    root, differences = Path(sys.argv[1]), 0
    for table, rows in (argument.split("=") for argument in sys.argv[2:]):
        seen = {f.__name__.removesuffix("_rows"): f(root / "tables" / table) for f in (duckdb_rows, pandas_rows, polars_rows)}
        same = all(count == int(rows) for count in seen.values())
        differences += not same
        print(f"{'ok' if same else 'DIFFERENT'}: {table}: sql {rows}, " + ", ".join(f"{k} {v}" for k, v in seen.items()))
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
