-- A portion of an account's charges, with the sums of what their events moved between the ledger's accounts.
-- Both are of one moment. $1 account, $2 charge to go on after, $3 rows.
-- Indexes: object_ids_are_unique, event_versions_are_unique_in_a_stream.
select c.id::text, c.data::text, p.processor, p.revenue, p.holds, p.elsewhere, p.taken, p.unbalanced,
       p.currencies
  from (select id, data
          from calmony.object
         where account = $1 and id >= 'ch_' and id < 'ch`' and id > $2::text
         order by id
         limit $3) c
 cross join lateral (
       select coalesce(sum(m.processor), 0)::bigint as processor,
              coalesce(sum(m.revenue), 0)::bigint as revenue,
              coalesce(sum(m.holds), 0)::bigint as holds, coalesce(sum(m.elsewhere), 0)::bigint as elsewhere,
              coalesce(-sum(least(m.revenue, 0)), 0)::bigint as taken,
              min(e.id) filter (where m.total is distinct from 0) as unbalanced,
              array_agg(distinct coalesce(e.internal -> 'postings' ->> 'currency', '')) as currencies
         from calmony.event e
        cross join lateral (
              select sum(amount) as total, sum(amount) filter (where account = 'processor') as processor,
                     sum(amount) filter (where account = 'revenue') as revenue,
                     sum(amount) filter (where account = 'holds') as holds,
                     sum(amount) filter (where account not in ('processor', 'revenue', 'holds')) as elsewhere
                from (select account, case when amount ~ '^-?[0-9]{1,18}$' then amount::bigint end as amount
                        from json_each_text(e.internal -> 'postings' -> 'amounts') a (account, amount)) a) m
        where e.account = $1 and e.stream = c.id and e.internal -> 'postings' is not null) p
 order by c.id
