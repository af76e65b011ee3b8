-- Names under which listed companies go: their own on the SEC's lists, and, reviewed by hand, other and former names and
-- subsidiaries, these with the days from and to which they were owned. A name that two companies are listed under is nobody's.
with line as (
    select
        ticker,
        coalesce(cik::varchar, ticker) as company,
        arg_min(company_name, list_index) as company_name,
        max(exchange) as exchange,
        min(list_index) as list_index
    from raw_tickers__company
    where company_name is not null
    group by ticker, company
),
-- Of a company's tickers the one of its common shares, on an exchange rather than over the counter.
listed as (
    select *
    from line
    qualify row_number() over (
        partition by company
        order by upper(coalesce(exchange, 'OTC')) not in ('NYSE', 'NASDAQ'), ticker like '%-%', list_index, ticker
    ) = 1
),
reviewed (ticker, basis, name, owned_from, owned_to) as (
    values
        ('ABBV', 'subsidiary', 'Allergan', '2020-05-08', null),
        ('ABBV', 'subsidiary', 'Cerevel Therapeutics', '2024-08-01', null),
        ('ABBV', 'subsidiary', 'ImmunoGen', '2024-02-12', null),
        ('ABBV', 'subsidiary', 'Pharmacyclics', '2015-05-26', null),
        ('ABT', 'alias', 'Abbott', null, null),
        ('ABT', 'subsidiary', 'Abbott Nutrition', null, null),
        ('ABT', 'subsidiary', 'Abbott Vascular', '2006-04-21', null),
        ('ABT', 'subsidiary', 'St. Jude Medical', '2017-01-04', null),
        ('ALC', 'subsidiary', 'Alcon Research', '2019-04-09', null),
        ('ALPMY', 'subsidiary', 'Fujisawa Pharmaceutical', '2005-04-01', null),
        ('ALPMY', 'subsidiary', 'OSI Pharmaceuticals', '2010-06-08', null),
        ('AMGN', 'subsidiary', 'ChemoCentryx', '2022-10-20', null),
        ('AMGN', 'subsidiary', 'Horizon Therapeutics', '2023-10-06', null),
        ('AMGN', 'subsidiary', 'Immunex', '2002-07-15', null),
        ('AMGN', 'subsidiary', 'Onyx Pharmaceuticals', '2013-10-01', null),
        ('AZN', 'subsidiary', 'Alexion Pharmaceuticals', '2021-07-21', null),
        ('AZN', 'subsidiary', 'Amylin Pharmaceuticals', '2014-02-01', null),
        ('AZN', 'subsidiary', 'KuDOS Pharmaceuticals', '2006-01-31', null),
        ('AZN', 'subsidiary', 'MedImmune', '2007-06-19', null),
        ('AZN', 'subsidiary', 'Pearl Therapeutics', '2013-06-27', null),
        ('AZN', 'subsidiary', 'ZS Pharma', '2015-12-17', null),
        ('BAYRY', 'alias', 'Bayer', null, null),
        ('BAYRY', 'subsidiary', 'Schering AG', '2006-07-06', null),
        ('BHC', 'former_name', 'Valeant Pharmaceuticals', null, null),
        ('BHC', 'subsidiary', 'Salix Pharmaceuticals', '2015-04-01', null),
        ('BIIB', 'former_name', 'Biogen Idec', null, null),
        ('BIIB', 'subsidiary', 'Reata Pharmaceuticals', '2023-09-26', null),
        ('BMY', 'subsidiary', 'Celgene', '2019-11-20', null),
        ('BMY', 'subsidiary', 'Juno Therapeutics', '2019-11-20', null),
        ('BMY', 'subsidiary', 'Karuna Therapeutics', '2024-03-18', null),
        ('BMY', 'subsidiary', 'Medarex', '2009-09-01', null),
        ('BMY', 'subsidiary', 'Mirati Therapeutics', '2024-01-23', null),
        ('BMY', 'subsidiary', 'MyoKardia', '2020-11-17', null),
        ('BMY', 'subsidiary', 'Turning Point Therapeutics', '2022-08-17', null),
        ('BMY', 'subsidiary', 'ZymoGenetics', '2010-10-12', null),
        ('BSX', 'alias', 'Boston Scientific', null, null),
        ('CSLLY', 'subsidiary', 'CSL Behring', null, null),
        ('DSNKY', 'subsidiary', 'Plexxikon', '2011-04-01', null),
        ('GILD', 'subsidiary', 'CV Therapeutics', '2009-04-17', null),
        ('GILD', 'subsidiary', 'Forty Seven', '2020-04-07', null),
        ('GILD', 'subsidiary', 'Immunomedics', '2020-10-23', null),
        ('GILD', 'subsidiary', 'Kite Pharma', '2017-10-03', null),
        ('GRFS', 'subsidiary', 'Talecris Biotherapeutics', '2011-06-01', null),
        ('GSK', 'former_name', 'GlaxoSmithKline', null, null),
        ('GSK', 'subsidiary', 'Human Genome Sciences', '2012-08-03', null),
        ('GSK', 'subsidiary', 'Tesaro', '2019-01-22', null),
        ('GSK', 'subsidiary', 'ViiV Healthcare', '2009-11-03', null),
        ('HLUYY', 'alias', 'H. Lundbeck', null, null),
        ('IONS', 'former_name', 'Isis Pharmaceuticals', null, null),
        ('JAZZ', 'subsidiary', 'GW Pharmaceuticals', '2021-05-05', null),
        ('JNJ', 'subsidiary', 'Actelion', '2017-06-16', null),
        ('JNJ', 'subsidiary', 'ALZA', '2001-06-22', null),
        ('JNJ', 'subsidiary', 'Centocor', '1999-10-06', null),
        ('JNJ', 'subsidiary', 'Cordis', '1996-02-23', '2015-10-04'),
        ('JNJ', 'subsidiary', 'DePuy Orthopaedics', '1998-11-05', null),
        ('JNJ', 'subsidiary', 'Ethicon', null, null),
        ('JNJ', 'subsidiary', 'Ethicon Endo-Surgery', null, null),
        ('JNJ', 'subsidiary', 'Janssen', null, null),
        ('JNJ', 'subsidiary', 'Janssen-Cilag', null, null),
        ('JNJ', 'subsidiary', 'Janssen-Cilag International', null, null),
        ('JNJ', 'subsidiary', 'Janssen Sciences Ireland', null, null),
        ('JNJ', 'subsidiary', 'Janssen Vaccines & Prevention', '2011-02-22', null),
        ('JNJ', 'subsidiary', 'Momenta Pharmaceuticals', '2020-10-01', null),
        ('JNJ', 'subsidiary', 'Ortho Biotech', null, null),
        ('JNJ', 'subsidiary', 'Ortho Biotech Products', null, null),
        ('JNJ', 'subsidiary', 'Ortho-McNeil Janssen Scientific Affairs', null, null),
        ('JNJ', 'subsidiary', 'Tibotec', '2002-04-18', null),
        ('LLY', 'alias', 'Eli Lilly', null, null),
        ('LLY', 'subsidiary', 'Dermira', '2020-02-20', null),
        ('LLY', 'subsidiary', 'ImClone', '2008-11-24', null),
        ('LLY', 'subsidiary', 'Loxo Oncology', '2019-02-15', null),
        ('MKKGY', 'alias', 'Merck KGaA, Darmstadt, Germany', null, null),
        ('MKKGY', 'subsidiary', 'EMD Serono', '2007-01-17', null),
        ('MKKGY', 'subsidiary', 'Merck Healthcare', null, null),
        ('MRK', 'alias', 'Merck Sharp & Dohme', null, null),
        ('MRK', 'subsidiary', 'Acceleron Pharma', '2021-11-22', null),
        ('MRK', 'subsidiary', 'Cubist Pharmaceuticals', '2015-01-21', null),
        ('MRK', 'subsidiary', 'Prometheus Biosciences', '2023-06-16', null),
        ('MRK', 'subsidiary', 'Schering-Plough', '2009-11-03', null),
        ('NVS', 'subsidiary', 'Alcon Research', '2010-08-25', '2019-04-09'),
        ('NVS', 'subsidiary', 'AveXis', '2018-05-15', null),
        ('NVS', 'subsidiary', 'Chinook Therapeutics', '2023-08-11', null),
        ('NVS', 'subsidiary', 'Chiron', '2006-04-20', null),
        ('NVS', 'subsidiary', 'Novartis Vaccines', '2006-04-20', '2015-03-02'),
        ('NVS', 'subsidiary', 'Sandoz', '1996-12-20', '2023-10-04'),
        ('NVO', 'subsidiary', 'Dicerna Pharmaceuticals', '2021-12-28', null),
        ('OTSKY', 'subsidiary', 'Astex Pharmaceuticals', '2013-10-11', null),
        ('PFE', 'subsidiary', 'Agouron Pharmaceuticals', '2000-06-19', null),
        ('PFE', 'subsidiary', 'Arena Pharmaceuticals', '2022-03-11', null),
        ('PFE', 'subsidiary', 'Array BioPharma', '2019-07-30', null),
        ('PFE', 'subsidiary', 'Biohaven Pharmaceuticals', '2022-10-03', null),
        ('PFE', 'subsidiary', 'G D Searle', '2003-04-16', null),
        ('PFE', 'subsidiary', 'Hospira', '2015-09-03', null),
        ('PFE', 'subsidiary', 'Medivation', '2016-09-28', null),
        ('PFE', 'subsidiary', 'Parke-Davis', '2000-06-19', null),
        ('PFE', 'subsidiary', 'Pharmacia', '2003-04-16', null),
        ('PFE', 'subsidiary', 'Pharmacia and Upjohn', '2003-04-16', null),
        ('PFE', 'subsidiary', 'Seagen', '2023-12-14', null),
        ('PFE', 'subsidiary', 'Seattle Genetics', '2023-12-14', null),
        ('PFE', 'subsidiary', 'Wyeth', '2009-10-15', null),
        ('RHHBY', 'alias', 'Hoffmann-La Roche', null, null),
        ('RHHBY', 'alias', 'Roche', null, null),
        ('RHHBY', 'subsidiary', 'Genentech', '2009-03-26', null),
        ('RHHBY', 'subsidiary', 'InterMune', '2014-09-29', null),
        ('RHHBY', 'subsidiary', 'Spark Therapeutics', '2019-12-17', null),
        ('SNY', 'former_name', 'Sanofi-Aventis', null, null),
        ('SNY', 'former_name', 'Sanofi-Synthelabo', null, null),
        ('SNY', 'subsidiary', 'Aventis Pharmaceuticals', '2004-08-20', null),
        ('SNY', 'subsidiary', 'Bioverativ', '2018-03-08', null),
        ('SNY', 'subsidiary', 'Genzyme', '2011-04-08', null),
        ('SNY', 'subsidiary', 'Kadmon', '2021-11-09', null),
        ('SNY', 'subsidiary', 'Principia Biopharma', '2020-09-28', null),
        ('SNY', 'subsidiary', 'Sanofi Pasteur', '2004-08-20', null),
        ('TAK', 'subsidiary', 'ARIAD Pharmaceuticals', '2017-02-16', null),
        ('TAK', 'subsidiary', 'Baxalta', '2019-01-08', null),
        ('TAK', 'subsidiary', 'Millennium Pharmaceuticals', '2008-05-14', null),
        ('TAK', 'subsidiary', 'Nycomed', '2011-09-30', null),
        ('TAK', 'subsidiary', 'Shire', '2019-01-08', null),
        ('TEVA', 'subsidiary', 'Auspex Pharmaceuticals', '2015-05-05', null),
        ('TEVA', 'subsidiary', 'Barr Laboratories', '2008-12-23', null),
        ('TEVA', 'subsidiary', 'Cephalon', '2011-10-14', null),
        ('VTRS', 'former_name', 'Mylan', null, null)
),
named as (
    select company_name(company_name) as name, ticker, company, company_name, 'listed' as basis, null::date as owned_from,
        null::date as owned_to
    from listed
    union all
    select company_name(r.name), r.ticker, company, company_name, r.basis, r.owned_from::date, r.owned_to::date
    from reviewed r join listed l on r.ticker = l.ticker
),
-- A listed name goes before a reviewed one: what was a subsidiary may be listed by now.
settled as (
    select *
    from (
        select
            *,
            count(distinct company) filter (basis = 'listed') over (partition by name) as n_listed,
            max(ticker) filter (basis = 'listed') over (partition by name) as listed_as,
            count(distinct company) over (partition by company_core(name)) as n_of_core
        from named
    )
    where name <> '' and n_listed <= 1 and ticker = coalesce(listed_as, ticker)
    qualify row_number() over (partition by name, ticker order by basis <> 'listed') = 1
)
select
    name,
    ticker,
    company_name,
    basis,
    company_core(name) as core,
    n_of_core = 1 and is_telling_core(company_core(name)) as is_own_core,
    owned_from,
    owned_to
from settled
