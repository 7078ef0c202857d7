-- A portion of an account's payment intents that give or gave an amount back, with the sums of what their
-- events moved, a row for each currency. Both are of one moment. $1 account, $2 intent to go on after, $3
-- intents. Indexes: object_ids_are_unique, event_versions_are_unique_in_a_stream.
select i.id::text, coalesce(p.currency, i.currency, '') as currency,
       case when i.currency = coalesce(p.currency, i.currency) then i.amount else 0 end as returning,
       coalesce(p.processor, 0) as processor, coalesce(p.suspense, 0) as suspense,
       coalesce(p.elsewhere, 0) as elsewhere
  from (select id, internal #>> '{returning,currency}' as currency,
               case when internal #>> '{returning,amount}' ~ '^[0-9]{1,18}$'
                    then (internal #>> '{returning,amount}')::bigint else 0 end as amount
          from calmony.object
         where account = $1 and id >= 'pi_' and id < 'pi`' and id > $2::text
           and (internal -> 'returning' is not null or internal -> 'returned' is not null)
         order by id
         limit $3) i
  left join lateral (
       select e.internal #>> '{postings,currency}' as currency,
              sum(m.amount) filter (where m.account = 'processor')::bigint as processor,
              sum(m.amount) filter (where m.account = 'suspense')::bigint as suspense,
              sum(m.amount) filter (where m.account not in ('processor', 'suspense'))::bigint as elsewhere
         from calmony.event e
        cross join lateral (
              select account, case when amount ~ '^-?[0-9]{1,18}$' then amount::bigint end as amount
                from json_each_text(e.internal #> '{postings,amounts}') a (account, amount)) m
        where e.account = $1 and e.stream = i.id and e.internal -> 'postings' is not null
        group by 1) p on true
 order by i.id
