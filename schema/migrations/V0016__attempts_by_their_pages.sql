-- The dashboard reads the end of a day's attempts by the pages' numbers (src/read/sql/overview_attempts.sql), which costs the same however
-- many there were; what these indexes had not yet summarised was looked at whole. Those of the first days belong to their partitions alone.
drop index calmony.attempt_started;
do $$
declare
    leftover regclass;
begin
    for leftover in
        select x.indexrelid
          from pg_inherits i join pg_index x on x.indrelid = i.inhrelid join pg_class c on c.oid = x.indexrelid
          join pg_am m on m.oid = c.relam
         where i.inhparent = 'calmony.attempt'::regclass and m.amname = 'brin'
    loop
        execute format('drop index %s', leftover);
    end loop;
end $$;
