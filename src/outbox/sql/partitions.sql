-- Makes the daily partitions of calmony.attempt for today (UTC) and a week ahead, and drops those that are older than so
-- many days. $1 days.
select calmony.make_attempt_partitions((statement_timestamp() at time zone 'utc')::date, 8),
       calmony.drop_attempt_partitions((statement_timestamp() at time zone 'utc')::date - $1::integer)
