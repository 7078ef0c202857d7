-- The charges of an account whose reserved amount isn't that of its pending refunds, at most a hundred.
-- $1 account. Index: object_ids_are_unique.
select coalesce(c.id, r.charge) as charge, coalesce(c.refunding, '0') as reserved,
       coalesce(r.pending, 0)::text as pending
  from (select id::text, internal ->> 'refunding' as refunding
          from calmony.object
         where account = $1 and id >= 'ch_' and id < 'ch`' and internal ->> 'refunding' <> '0') c
  full join (select data ->> 'charge' as charge, sum((data ->> 'amount')::numeric) as pending
               from calmony.object
              where account = $1 and id >= 're_' and id < 're`' and data ->> 'status' = 'pending'
              group by 1) r on r.charge = c.id
 where coalesce(c.refunding, '0') <> coalesce(r.pending, 0)::text
 limit 100
