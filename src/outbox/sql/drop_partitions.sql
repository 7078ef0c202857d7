-- Drops the partitions of calmony.attempt that are older than a number of days. $1 the days.
select calmony.drop_attempt_partitions((statement_timestamp() at time zone 'utc')::date - $1::integer)
