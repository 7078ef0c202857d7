-- The dashboard shows the last minutes of an account: attempts by the time they began. A BRIN index costs a write nearly nothing; what
-- was written since it was last summarised is looked at whole. It is made for the days to come, whose partitions are empty, and for
-- today's while that is short: otherwise workers would wait for it.
create index attempt_started on only calmony.attempt using brin (started_at) with (pages_per_range = 16, autosummarize = on);
do $$
declare
    partition text;
begin
    for partition in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'calmony.attempt'::regclass and c.relname ~ '^attempt_[0-9]{8}$'
           and to_date(substr(c.relname, 9), 'YYYYMMDD') >= (statement_timestamp() at time zone 'utc')::date
           and pg_relation_size(c.oid) < 67108864
    loop
        execute format('create index on calmony.%I using brin (started_at) with (pages_per_range = 16, autosummarize = on)', partition);
    end loop;
end $$;
