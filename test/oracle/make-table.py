"""Makes table.json: cron expressions with their next five instants, by cronsim, which follows Debian's cron.

    pip install cronsim==2.8 tzdata && python3 test/oracle/make-table.py > test/oracle/table.json

Nothing here stands on this project's own code.
"""
import datetime
import importlib.metadata
import json
import sys
import zoneinfo

from cronsim import CronSim

NEW_YEAR = "2027-01-01T00:00"
# The clock changes of 2027, each from shortly before it.
CHANGES = {
    "America/New_York": ["2027-03-13T12:00", "2027-11-06T12:00"],
    "Europe/London": ["2027-03-27T12:00", "2027-10-30T12:00"],
    "Australia/Lord_Howe": ["2027-04-03T12:00", "2027-10-02T12:00"],
}
AROUND_CHANGES = [
    "30 2 * * *",
    "30 1 * * *",
    "15 2 * * *",
    "45 1 * * *",
    "0 1 * * *",
    "0 3 * * *",
    "5,35 1-2 * * *",
    "0 * * * *",
    "*/30 * * * *",
    "10 */1 * * *",
    "* 2 * * *",
    "30 1 * * SUN",
]
ANYWHERE = [
    "0 9 * * MON",
    "0 9 * * 1-5",
    "*/15 9-17 * * MON-FRI",
    "0 0 1 * *",
    "0 0 1 1 *",
    "0 0 29 2 *",
    "0 0 31 * *",
    "0 0 13 * 5",
    "0 0 1,15 * WED",
    "0 0 */2 * MON",
    "0 0 1-7 * *",
    "0 0 * * 0",
    "0 0 * * 7",
    "30 6 * * 6,0",
    "0 12 L * *",
    "0 12 LW * *",
    "0 12 * * 5L",
    "0 12 * * MON#1",
    "0 12 * * TUE#3",
    "0 12 * * 4#5",
    "23 0-20/2 * * *",
    "5 4 * * sun",
    "0 22 * * 1-5",
    "0 0,12 1 */2 *",
    "15 14 1 * *",
    "59 23 31 12 *",
    "1,2,3,58 * * * *",
    "0 8-10,16-18 * * *",
    "10-50/20 6 * * *",
    "0 0 * JAN,JUN,dec *",
    "0 0 10 3-5 *",
    "45 5 * feb mon-wed",
]


# cronsim is wrong here: when Lord Howe's clocks go back from 02:00 to 01:30, the half hour from 02:00 on occurs once, and
# it skips that. test/unit/domain/schedule/cron.test.ts has the right instants, computed with zdump.
LEFT_OUT = {("* 2 * * *", "2027-04-03T12:00")}


def next_five(expression, zone, start):
    at = datetime.datetime.fromisoformat(start).replace(tzinfo=zoneinfo.ZoneInfo(zone))
    iterator = CronSim(expression, at)
    return [next(iterator).astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") for _ in range(5)]


def entry(expression, zone, start):
    at = datetime.datetime.fromisoformat(start).replace(tzinfo=zoneinfo.ZoneInfo(zone))
    utc = at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"cron": expression, "timeZone": zone, "after": utc, "times": next_five(expression, zone, start)}


entries = [entry(expression, "UTC", NEW_YEAR) for expression in ANYWHERE]
entries += [
    entry(expression, zone, start)
    for zone, starts in CHANGES.items()
    for start in starts
    for expression in AROUND_CHANGES
    if (expression, start) not in LEFT_OUT
]
json.dump({"madeBy": f"cronsim {importlib.metadata.version('cronsim')}", "entries": entries}, sys.stdout, indent=1)
print()
