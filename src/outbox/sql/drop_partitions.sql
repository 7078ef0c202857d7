-- Drops the partitions of calmony.attempt that are older than so many days. $1 days.
select calmony.drop_attempt_partitions((statement_timestamp() at time zone 'utc')::date - $1::integer)
