-- Makes this database the one that live mode is billed in. Returns the one that it was before, if any.
with before as materialized (select database from calmony.adoption)
insert into calmony.adoption as a (database)
values (calmony.this_database())
    on conflict (one) do update set database = excluded.database, adopted_at = excluded.adopted_at
returning database, (select database from before) as before
