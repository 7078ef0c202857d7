-- The database that live mode is billed in, this one, and whether anything of live mode changes with time, of
-- the ten thousand objects that are due first. Index: object_due.
select calmony.this_database() as this,
       (select database from calmony.adoption) as adopted,
       exists (select
                 from (select account
                         from calmony.object
                        where due is not null and not deleted
                        order by due, account, id
                        limit 10000) d
                 join calmony.account a on a.id = d.account
                where a.livemode) as is_needed
