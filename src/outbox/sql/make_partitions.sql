-- Makes the daily partitions of calmony.attempt for today (UTC) and a week ahead.
select calmony.make_attempt_partitions((statement_timestamp() at time zone 'utc')::date, 8)
