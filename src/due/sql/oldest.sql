-- The time since the object was due that has been due longest, of each kind, in seconds. It looks at the ten
-- thousand that have been due longest, so that any backlog costs a bounded time; a kind that isn't among them
-- has waited less than all of those. Index: object_due.
select split_part(id, '_', 1) as kind,
       greatest(0, extract(epoch from statement_timestamp() - min(due)))::float8 as seconds
  from (select id::text, due
          from calmony.object
         where due <= statement_timestamp() and not deleted
         order by due, account, id
         limit 10000) d
 group by 1
