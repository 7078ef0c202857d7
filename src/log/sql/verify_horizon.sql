-- The end of the log, and since when attempts are on record: the start of the oldest day that is kept.
select coalesce((select max(position) from calmony.event), 0),
       coalesce((select min(to_date(substr(c.relname, 9), 'YYYYMMDD'))::timestamp at time zone 'utc'
                   from pg_inherits i join pg_class c on c.oid = i.inhrelid
                  where i.inhparent = 'calmony.attempt'::regclass and c.relname ~ '^attempt_[0-9]{8}$'),
                '-infinity')
