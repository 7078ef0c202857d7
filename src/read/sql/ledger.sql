-- The sums of all that an account's charges have posted, by currency and by account of the ledger.
-- $1 account. Index: event_versions_are_unique_in_a_stream.
select e.internal -> 'postings' ->> 'currency' as currency, p.account,
       sum(p.amount::bigint)::bigint as balance
  from calmony.event e
 cross join lateral json_each_text(e.internal -> 'postings' -> 'amounts') p (account, amount)
 where e.account = $1 and e.stream >= 'ch_' and e.stream < 'ch`' and e.internal -> 'postings' is not null
 group by 1, 2
