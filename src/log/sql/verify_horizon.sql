-- The end of the log, and the time since which attempts are on record for sure. Once days have been
-- dropped, that is an hour after the start of the oldest day that is kept, because clocks may differ. No
-- day is dropped before it is a day old.
select coalesce((select max(position) from calmony.event), 0) as head,
       coalesce((select case when min(day) < statement_timestamp() - interval '1 day'
                             then min(day) + interval '1 hour' end
                   from (select to_date(substr(c.relname, 9), 'YYYYMMDD')::timestamp at time zone 'utc' as day
                           from pg_inherits i join pg_class c on c.oid = i.inhrelid
                          where i.inhparent = 'calmony.attempt'::regclass
                            and c.relname ~ '^attempt_[0-9]{8}$') days),
                'epoch'::timestamptz) as horizon
