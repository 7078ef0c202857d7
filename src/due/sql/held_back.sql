-- Objects of live mode that are due, up to a thousand of the ten thousand that have been due longest.
-- Index: object_due.
select count(*) as objects
  from (select
          from (select account
                  from calmony.object
                 where due <= statement_timestamp() and not deleted
                 order by due, account, id
                 limit 10000) d
          join calmony.account a on a.id = d.account
         where a.livemode
         limit 1000) l
