-- Why a trial stopped, read from the registry's free text by rules. Efficacy, safety, benefit and accrual become votes:
-- their patterns prefer silence to a guess. Every pattern is a constant, since DuckDB compiles only those once.

-- First the text: one spelling for what is written in many, and a lone full stop wherever a statement may end.
create or replace macro stop_words(text) as
    (' ' || lower(text) || ' . ')
        .regexp_replace('[’‘`´]', '''', 'g')
        .regexp_replace('\bcan(no|'')?t\b', 'can not', 'g')
        .regexp_replace('\b(do|does|did|is|are|was|were|would|could|has|have|had|wo)(n''?|'')t\b', '\1 not', 'g')
        .regexp_replace('''s\b|\be\.g\.', '', 'g')
        .regexp_replace('\bno\. of\b', 'number of', 'g')
        .regexp_replace('\bp\. ?i\b', 'pi', 'g')
        .regexp_replace('[.;:!?"~*]|\s[-–—]+\s|\b(but|rather|instead|however|although|though|whereas)\b', ' . ', 'g')
        .regexp_replace('[()\[\]{}]', ' , ', 'g')
        .regexp_replace('(,|\band) ?((is |was |it |were )?(due|because)|this|the (study|trial)|study|terminated)\b',
            ' . \2', 'g')
        .regexp_replace('[^a-z0-9.,%]+', ' ', 'g')
        .regexp_replace('\b(end|stand) ?points?\b', 'endpoint', 'g')
        .regexp_replace('\bcost effective\w*', 'costs', 'g')
        .regexp_replace('\b(effica\w*cy|eficacy|effectiveness)\b', 'efficacy', 'g')
        .regexp_replace('\b[iu]nsuf\w+', 'insufficient', 'g')
        .regexp_replace('\bspons[eo]rs?\b', 'sponsor', 'g')
        .regexp_replace('\befficacious', 'effective', 'g')
        .regexp_replace('\bnon ?inferior\w*', 'noninferiority', 'g')
        .regexp_replace('\b(risks?|benefits?)( to| and| versus| vs)? (risks?|benefits?)\b', 'riskbenefit', 'g')
        .regexp_replace('\btoxic (epidermal|shock)', '', 'g')
        .regexp_replace('tox(ic?|ci)i?t\w+', 'toxicity', 'g')
        .regexp_replace('\bsars cov\w*( 2)?|\bcorona ?virus|\bcovid\w*( 19)?|\bpandemi\w+', 'covid', 'g')
        -- the board that watches over safety says nothing about safety by its name
        .regexp_replace('\b((data|safety|drug|independent|and|external) )*monitoring( in)?( ?board| committee|'
            || ' group| panel)?|\b((data|safety|drug|review) )+(board|committee)', 'dsmb', 'g')
        -- recruitment and those who take part, but not what is theirs ('patient safety')
        .regexp_replace('\b(inclusions?|exclusions?)( and| or)?( exclusions?)? criteri\w+', 'criteria', 'g')
        .regexp_replace('\b(re)?enr?r?ol\w*|\binr+ol\w*|\benrl+m\w*|\brec(r[iu]|ui|iu)\w*t\w*|\bac+(r+u|ur+[au]l|'
            || 'ual)\w*|\binclusions?\b', 'enrol', 'g')
        .regexp_replace('\b(p[ao]r?[tc]i[ctp]\w*pa\w*|pat[ie]+nts?|parients?|pts?|subjects?|v[ou]l[ou]nt[e]+rs?|'
            || 'candidates?|cases|individuals|people|persons|donors|women|families|couples|children|adults|'
            || 'population)\b', 'patient', 'g')
        .regexp_replace('\binclud\w* (\w+ )?patient\b', 'enrol patient', 'g')
        .regexp_replace('\bpatient (compliance|adherence|retention|follow|benefit|safety|data|outcomes?|respon\w+|'
            || 'care|consent|management|visits?|years?|improvement|records?|drop|dropouts?|attrition|withdrawals?|'
            || 'fees?|treatment|materials?|samples?)\b', '\1', 'g');

-- What a denial is usually about. Efficacy alone is not: 'no efficacy' is a reason.
create or replace macro stop_topic() as
    '(safety|tolerability|toxicity|adverse (drug )?(events?|reactions?|effects?)|side effects?|s?aes?|dlts?|harms?)';

-- Then without what is said not to be the reason or not to be seen; and every cause a statement of its own.
create or replace macro stop_stated(t) as
    t
        -- 'no improvement in accrual' is slow accrual; 'no efficacy analysis', 'non-efficacy reasons' are no result
        .regexp_replace('\b(no|lack of|without|little|insufficient|limited) (\w+ )?(improvement|increase|change|progress)s? '
            || '(in|of|to|with) ((the|patient|study) )*enrol', ' . slow enrol', 'g')
        .regexp_replace('\bno (\w+ )?(efficacy|safety) (analys\w+|evaluations?|assessments?|data)( (was|were|is|are|be|performed|'
            || 'done|conducted|available|planned))*|\bnon efficacy( related)?( reasons?| issues?)?', ' . ', 'g')
        -- 'not due to …', 'unrelated to …', up to the end of the statement or of the list of topics
        .regexp_replace('\b(not ((terminated?|stopped|discontinued|halted|closed|suspended|withdrawn|cancell?ed|'
            || 'prompted|driven|triggered|caused|motivated|influenced|made|taken|based|been|being|directly|'
            || 'specifically|necessarily|in any way|as|a|the) ){0,3}(due|because|based on|by|owing|for|attribut\w+|'
            || 'related to|(result|consequence) of|link(ed)? to|from|reflective of|associated with (any|safety)|'
            || '(to|out of|following)( \w+){0,3} ' || stop_topic() || ')|unrelated to|(independent(ly)?|'
            || 'irrespective|regardless) of|no relation(ship)? (to|with)|nothing to do with)\b[^.,]*(,( or| and|'
            || ' nor)?( any| its)? (efficacy|product|quality|use|' || stop_topic() || ')[^.,]*)*', ' . ', 'g')
        -- 'no new safety or efficacy concerns', 'safety was not a factor', 'non-safety reasons'
        .regexp_replace('\b(no|not|nor|neither|none|without|absence of|free of)( (a|any|the|of the|new|unexpected|'
            || 'major|serious|significant|known|identified|specific|particular|patient|product|drug|clinical|'
            || 'emergent|emerging|important|relevant|other|further|additional|unanticipated|treatment|study|'
            || 'related|efficacy|quality|adverse|and|or|nor|evidence of|signs? of|raise|suggest|show|indicate|'
            || 'reveal|identify|experienced|concerns? (about|regarding|with|for|over)|issues? (with|of)),?)* '
            || stop_topic() || '(( and| or| nor|,)( other| any)? ' || stop_topic() || '|( and| or|,) efficacy|'
            || ' related| concerns?| issues?| reasons?| signals?| findings?| problems?)*', ' . ', 'g')
        .regexp_replace('\b' || stop_topic() || '( concerns?| issues?)? (was|were|did) not\b'
            || '|\bnon ?safety\b( related)?|\bno (and |or )?efficacy (concern|issue|problem|reason)s?', ' . ', 'g')
        -- rare events, a good record and a review are no harm
        .regexp_replace('\b(low\w*|less|few|fewer|insufficient|decreas\w+|reduced|minimi[sz]ing) ((number|adverse|'
            || 'event|overall|than|expected|anticipated|of|the) ){0,4}(incidence|occurrence|prevalence|toxicity|'
            || 'events?)( of \w+)?|\b(favou?rable|good|acceptable|excellent|'
            || 'consistent) safety( and tolerability)?( profile)?|\bsafety( results?| profile)? (was |were |'
            || 'is )?(consistent|good|acceptable)|\b(review|assess|evaluat|analy|monitor|characteri|investigat|'
            || 'data|information)\w* ((of|for|on|the|all|overall|efficacy|and|long term) )*safety( profile|'
            || ' data)?( and efficacy)?', ' . harmless . ', 'g')
        -- 'too few patients to show efficacy', 'no staff to recruit', 'prevented enrolment': only the first half counts
        .regexp_replace('\b((enrol|patient|number|size|data|power\w*|events?|fund\w*)( \w+){0,3}) (to|'
            || 'for) ((adequately|be able to|really|reliably|properly|meaningfully) )?(show|demonstrat|evaluat|'
            || 'assess|determin|detect|test|answer|analy|prove|establish|draw|conclu|provid|meet|reach|achiev|'
            || 'obtain|attain|measur|support|allow|ensure|yield)\w*[^.,]*',
            '\1 . ', 'g')
        .regexp_replace('\b(res+ources?|staff\w*|personn?el|funds?|funding|time|supply|equipment|'
            || 'space) (\w+ ){0,2}(to|for) (\w+ ){0,2}enrol', '\1', 'g')
        .regexp_replace('\b(prior to|pre|before|prevent\w*|preclud\w*|until) (\w+ ){0,3}(enrol|patient)( enrol|'
            || ' patient)*', ' . ', 'g')
        .regexp_replace('\benrol complications?', 'enrol problem', 'g')
        .regexp_replace('\b(first|last|past|next|initial) few\b', '\1', 'g')
        -- futility and efficacy of recruitment are no properties of a drug
        .regexp_replace('\b(futil\w+|efficacy|efficiency|(in)?effective) (of |in |for |due to |because of )?(the |'
            || 'slow |low |poor |very |lack of )*enrol|\benrol (\w+ )?futil\w+|\benrol (\w+ ){0,2}(not |'
            || 'in)effective', ' slow enrol', 'g')
        .regexp_replace(' (due to|due|because of|because|owing to|as a result of)\b', ' . because', 'g');

-- What is said about this trial: what another one showed is no result of this one.
create or replace macro stop_here(t) as
    regexp_replace(t, '[^.]*\b((other|another|separate|different|similar|parallel|parent|predecessor|previous|'
        || 'preceding|core|main|base|larger?|recent|related|lead in|feeder|sister|external|published|competing|'
        || 'unrelated|affiliated|companion)( \w+){0,3} (trials?|stud(y|ies)|protocol|projects?|data|'
        || 'investigations?)|publi(shed|cations?)|literature|meta analys[ie]s|(in|of|from|'
        || 'on) (the )?(\w+ )?(stud(y|ies)|trials?) (\w+ )?,? ?nct)\w*\b[^.]*',
        ' . ', 'g');

-- What may stand between a lack and what is lacking: 'lack of (any clinically meaningful) benefit'.
create or replace macro stop_gap() as
    '((\w+(al|ed|able|ic|ly|ive|ful|ant|ent|ar|ing)|of|in|the|a|an|any|its|for|on|or|and|this|to|over|be|evidence|'
        || 'proof|demonstration|signs?|signals?|enough|drug|treatment|survival|show|demonstrate|have|better|'
        || 'improvement|efficacy|level|immune|tumou?r|primary|great|greater|outcome|trend|towards?) )*';

create or replace macro stop_endpoint() as
    '((the|it|its|their|and|any|a|one|both|all|of|for|at|pre|co|primary|secondary|main|key|study|trial|interim|'
        || 'first|efficacy|clinical|composite|specified|prespecified|defined|predefined|planned|final|positive|'
        || 'functional|statistical) )*(endpoint|(primary|main|secondary) (outcome( measure)?|objective|aim|goal|'
        || 'target|hypothesis)|efficacy (outcome|objective|criteri\w+|goal|target|threshold)|(\w+ )?hypothes[ie]s|'
        || 'superiority|noninferiority|significance|efficacy|positive outcome|(success|response) criteri\w+|'
        || 'criteri\w+ for efficacy)s?';

-- The drug does not work, or cannot be shown to.
create or replace macro stop_efficacy(t) as
    regexp_matches(t, '\bfutil|\b(in|non ?)efficac|\b(in|non ?)effective\b|\b(not|never)( \w+){0,3} effective\b')
    or regexp_matches(t, '\b(drug|treatment|therapy|intervention) (do|did|does) not (work|improve|reduce|prevent)'
        || '|\bnot (be )?(\w+ )?(reduced?|improved?|prevent) (mortality|survival|outcomes?|symptoms?|pain|function|'
        || 'compared|over)\b|\bnot (superior|beneficial|noninferiority)\b')
    -- lack of efficacy, no difference, unable to show a benefit
    or regexp_matches(t, '\b(lack\w*|absence|missing|insufficient|inadequate|not?|not( \w+)? (enough|sufficient)|'
        || 'poor|limited|low|lower|minimal|little|weak|marginal|without|loss|less|disappointing|unfavou?rable'
        || '|\w*satisfactory|suboptimal|fail\w* to|unlikely( \w+)? to|(not|unable to|never) (be )?(\w+ly )?(show|'
        || 'demonstrat|prove|provid|confirm|observ|achiev|establish|reveal|suggest|indicat|see|have|support|detect|'
        || 'offer|expect|result in|seem to provide|appear to provide)\w*) ' || stop_gap()
        || '(efficacy|effects?|benefits?|improvements?|superiority|differences?|advantages?|significance|'
        || 'responders?|noninferiority|added value|(improved|better|prolonged|longer) survival|(clinical|anti ?\w+|'
        || 'tumou?r|biological|agent|of|early) activity|(clinical|objective|tumou?r|treatment|partial|'
        || 'psa) responses?|responses? (in|at|seen|observed|to (the )?(drug|treatment|therapy))|(positive|'
        || 'significant|promising|encouraging|favou?rable) (results?|outcomes?|findings?))\b')
    or regexp_matches(t, '\b(efficacy|effect|activity) (is|was|were) (\w+ )?(poor|insufficient|minimal|low|limited|'
        || 'inadequate)|\b(efficacy|benefits?|response|effect|activity)( \w+){0,3} (less|lower|smaller|weaker|'
        || 'worse) than (expect|anticipat)|\b(lack of|no|insufficient) responses? ?\.|\bpatient (did|do|'
        || 'does) not respond|\bno evidence that (\w+ ){0,4}benefit|\bno( \w+)? activity (was )?(observed|seen|'
        || 'detected)|\bsmall (\w+ )?effect\b')
    -- the endpoint was not met, in either order
    or regexp_matches(t, '\b(not|fail\w* to|failure to|inability to|unlikely( \w+)? to|unable to|never|without|'
        || 'no chance (to|of)) (be able to |likely to |likely |expected to |going to |be )?(me?et|meeting|reach\w*|'
        || 'achiev\w*|hit|attain\w*|satisf\w*|support\w*) ' || stop_endpoint() || '\b|\b(miss\w*|failed|'
        || 'unlikely that) (on )?' || stop_endpoint() || '\b')
    or regexp_matches(t, '\b(' || stop_endpoint() || '|differences?|benefit|improvement|effect) ((\w+ ){0,12}(was|'
        || 'were|is|are|has|have|had|did|will|would) )?(not|unlikely to|no longer) (\w+ ){0,2}(met|meet|reached|'
        || 'achieved|demonstrated|shown|proven|established|confirmed|observed|seen|found|supported|attained'
        || '|\w+able)\b')
    or regexp_matches(t, '\b(endpoint|significance|superiority|noninferiority|efficacy|hypothesis) (\w+ ){0,8}(can|'
        || 'could) not be (met|reached|achieved|demonstrated|shown)')
    -- inferior, negative or disappointing results
    or regexp_matches(t, '\binferiority\b|\binferior (to|results?|outcomes?|efficacy|survival|activity|arm)\b'
        || '|\b(was|were|is|be|\w+ly) inferior\b|\bworse (outcomes?|survival|results?|efficacy)'
        || '|\bfavou?r(ing)?( of)? (the )?(control|placebo|comparator)')
    or regexp_matches(t, '\b(negative|disappointing|discouraging|unpromising|unfavou?rable|poor|unsatisfactory|'
        || 'unconvincing) ((\w+al|\w+ary|interim|treatment|efficacy|early|overall|study|primary|endpoint|trial|'
        || 'patient) )*(results?|outcomes?|efficacy|findings?)\b|\b(results?|outcomes?|trials?|stud(y|ies)|data|'
        || 'analys[ie]s) (\w+ ){0,5}(was|were|are|is|proved|be) (\w+ )?(negative|disappointing|unfavou?rable|'
        || 'insignificant|not (\w+ )?(promising|encouraging|significant))\b')
    or regexp_matches(t, '\b(data|results?|analysis) (\w+ ){0,4}not (\w+ )?(support|justify|warrant|'
        || 'merit) (\w+ ){0,2}(develop\w*|continu\w+|further)|\b(phase [1-4i]+\w*|trial|drug|product|treatment|'
        || 'therapy|compound) (trial |study )?(failure|failed) \.|\b(high|higher|excess\w*|'
        || 'increased) (\w+ ){0,3}treatment failures?\b')
    -- small odds
    or regexp_matches(t, '\b(conditional|predictive) power\b|\bstochastic curtail|\b(low|no|little|insufficient|'
        || 'small) (\w+ )?(probability|chance|likelihood|possibility) (of|for|to|that) (\w+ ){0,5}(success|'
        || 'positive|superior\w*|benefit|significant|differences?|efficacy|effect|endpoint)\b|\b(probability|'
        || 'chance|likelihood) (\w+ ){0,8}(endpoint|objective|success|significance) (\w+ ){0,3}(low|small|'
        || 'unlikely)\b');

-- Harm, or a balance of risk and benefit that no longer allows to go on. In an epidemic, risk is to come to the clinic.
create or replace macro stop_safety(t) as
    regexp_matches(t, '\b\w*toxicity|\w*toxic\b|\btox(icolog\w+)? (finding|result|signal|data|event)'
        || '|\badverse (drug |clinical )?(event|reaction|effect|experience)|\bside effects?|\bs?aes?\b|\bdlts?\b'
        || '|\bsusars?\b')
    or regexp_matches(t, '\bintoler\w+|\bnot( \w+)? tolera\w+|\btolerability (issue|concern|problem|reason)'
        || '|\b(poor\w*|low|bad|lack of|insufficient|limited by) (local |gi |drug |efficacy and )?tol[ea]+r\w+')
    or regexp_matches(t, '\bsafety( (and|or) \w+| related| \w+)? (concern|issue|reason|problem|signal|finding|risk|'
        || 'event|ground|consideration|alert|warning|hazard|margin|profile|question|outcome)|\b(based on|'
        || 'because)( \w+){0,2} safety (data|results?)\b')
    or regexp_matches(t, '\b(high|higher|increased?|excess\w*|imbalance|unexpected|more|early|patient|several|two|'
        || 'three|related|unacceptable|cluster of)( \w+){0,3} (deaths|mortality|morbidity)\b'
        || '|\bmortality (rate )?(was )?(higher|increase)|\bdied \. because (the )?treatment|\bpatient death'
        || '|\bbecause (a )?deaths?( \.| in)|\b(treatment|drug) related death|\bfatal\b|\breactogenicity\b')
    or (
        regexp_matches(t, '\b(because|for|regarding|about|concerning|concerns? \w+|lack of|poor|insufficient|'
            || 'inadequate|unacceptable|interests? of|(stop\w*|terminat\w+|halt\w*|clos\w+|suspen\w+|'
            || 'hold) (\w+ ){0,3}for)( (of|the|patient|drug|product|lack of|efficacy|and|or|potential|liver|'
            || 'cardiac|cardiovascular|long term))* safety( \.| of| in| and (the )?(efficacy|fda)| or)'
            || '|^[ .]*(patient |because )?safety [. ]*$')
        -- injuries
        or regexp_matches(t, '\b(occurr?ence|incidence|increased?|rate|elevat\w+|higher?|severe|serious|unexpected|'
            || 'unacceptable|excess\w*|imbalance|because|more) (\w+ ){0,4}(complications?|liver|alt|alanine|'
            || 'transaminases?|anaphyla\w+|hypersensitivity|bleedings?|ha?emorrhages?|infections|abscess\w*|'
            || 'mucositis|neutropenia|thrombocytopenia|arrhythmias?|dehiscence|occlusi\w+|thrombos[ie]s|'
            || 'hypotension|hypoglyca?emia|bradycardia|convulsions?|seizures?|stroke|respiratory depression|injury|'
            || 'reactions?)\b|\bdrug induced\b|\b(liver|hepatic) (injury|damage|events?)\b'
            || '|^[ .0-9]*complications?\b')
        -- risk against benefit
        or regexp_matches(t, '\b(unfavou?rable|favou?rable|negative|bad|insufficient|poor|unacceptable|unclear|'
            || 'uncertain|change in|changed|because|altered|imbalance\w*)( \w+){0,3} riskbenefit'
            || '|\briskbenefit( \w+){0,4} (not|no longer|unfavou?rable|negative|imbalance)|\b(risk|'
            || 'harm)s?( \w+){0,3} outw(ei|ie)gh')
        or regexp_matches(t, '\bunacceptable (\w+ )?risks?\b|\bunsafe\b|\bnot (\w+ )?safe\b|\bharmful\b'
            || '|\b(potential|increased|possible) (harm|health risks?)\b')
    ) and not regexp_matches(t, '\bcovid\b');

-- A statement with a negative word, or about another trial or drug, proves no benefit.
create or replace macro stop_positive(t) as
    t
        .regexp_replace('\b(this|the|our|present|current) (study|trial)\b', '', 'g')
        .regexp_replace('[^.]*\b(no|not|non|unlikely|unable|inability|failure|lack|absence|without|insufficient|'
            || 'low|never|fail\w*|had to|needed|required|would|too|worse|higher|trials|studies|approv\w*|available|'
            || 'collaborat\w*|exposure|(from|by|in) [a-z]+\d{3}\w*|(trial|trail|study) (\w+ )?(show|demonstrat|'
            || 'found|reveal|prov|report|suggest|indicat)\w*)\b[^.]*',
            ' . ', 'g');

-- Stopped early because the drug had already shown that it works.
create or replace macro stop_benefit(t) as
    regexp_matches(t, '\b(superiority|benefit|efficacy|success|advantage)( (of|for|in|the|at|boundary|criteria|'
        || 'drug|treatment|arm))* ((was|were|has|have|been|is|had|already|clearly) )*(shown|demonstrated|proven|'
        || 'proved|established|reached|achieved|confirmed|met|evident|crossed)\b|\b(treatment|intervention|arm|'
        || 'group) (was |is )?superior\b')
    or regexp_matches(t, '\b(overwhelming|early|clear|strong|compelling|significant|definite|greater|demonstrated|'
        || 'shown|showed|superior) ((clinical|treatment|survival|drug|evidence of) )*(efficacy|benefits?|'
        || 'superiority)\b')
    or regexp_matches(t, '\b(stop|stopped|stopping|terminated|halted|closed|discontinu\w+) (\w+ )?(early )?(for|'
        || 'because) (efficacy|benefit|superiority)( of [^.]*)? \.|\bfavou?r(ed|ing| of) (the )?(intervention|'
        || 'treatment|active|experimental|study drug)')
    or regexp_matches(t, '(^|\.|\b(show\w*|found|find|reveal\w*|demonstrat\w+|produc\w+|indicat\w+|achiev\w+|'
        || 'reach\w*|with|because|of)) *((a|an|the|statistically|clinically|valid|highly|in|very|enough|clear|'
        || 'and) )*(significant|significantly|positive|favou?rable) (\w+ ){0,3}(differences?|results?|effects?|'
        || 'improvements?|outcomes?|better|superior|improved)\b')
    or regexp_matches(t, '\b(interim|intermediate|preliminary) [^.]*\bsignificant (reduction|decrease|'
        || 'increase in survival)|\b(reach|reached|achieved) (\w+ )?significance|\bsignificance (was |'
        || 'has been )?(reached|achieved)|\befficacy (endpoint|objective|criteri\w+|boundary) (was |were |'
        || 'has been )?(met|reached|achieved|crossed)|\bprimary (efficacy |study )?(endpoint|'
        || 'outcomes?) (\w+ ){0,3}(met|reached|achieved|attained|significant)\b|\b(met|meeting|reached|'
        || 'achieved) ((its|the|their|all|both|study) )*primary (efficacy )?(endpoint|outcome)');

-- Too few took part, or they came too slowly.
create or replace macro stop_accrual(t) as
    -- a lack and recruitment in one statement, in either order
    regexp_matches(t, '\b(slow\w*|low\w*|poor\w*|lack\w*|insufficient\w*|inadequa\w*|weak|limited|limitations?|'
        || 'minimal|suboptimal|scarce|prolonged|unsatisfactory|di?f+ic\w*|bad|deficient|reduced|trouble|unable|'
        || 'inab\w+|fail\w*|problem\w*|issues?|challeng\w*|delay\w*|struggl\w*|under|few\w*|small|below|behind|'
        || 'less|short\w*|lag\w*|unsuccess\w*|hard\w*|impossib\w*|impractical|stagna\w*|sluggish|u?i?n?feasib\w*|'
        || 'decreas\w+|declin\w+|absence|non|no longer able|not( \w+)? (able|possible|feasible|enough|meet\w*|'
        || 'reach\w*|sufficient|succe\w+|managed)|no (possibility|chance|way|sufficient|enough|adequate|'
        || 'eligible)) (\w+ ){0,4}enrol\b')
    or regexp_matches(t, '\benrol (\w+ ){0,5}(slow\w*|low\w*|poor\w*|di?f+ic\w*|unsatisfactory|limitations?|'
        || 'problem\w*|issues?|concerns?|challeng\w*|insufficient\w*|inadequa\w*|under (target|expect\w*)|limited|'
        || 'incomplete|below|behind|less|lag\w*|unsuccess\w*|fail\w*|hard|impossib\w*|unlikely|shortfall|delay\w*|'
        || 'barriers?|hurdles?|stagna\w*|i?n?feas[ai]b\w*|not( \w+){0,3} (met|meet|reached|sufficient|possible|'
        || 'successful|adequate|achieved|attained|obtained|feasible|progress\w*|expected|anticipated|planned|'
        || 'enough|active|fast))\b')
    or regexp_matches(t, '\b(could|can|did) not ((be|\w+ly|meet|reach|achieve|find|complete|the|our|its|'
        || 'their) )*enrol\b|\bnot enrol (\w+ ){0,3}(expected|quickly|fast|enough|sufficient\w*)|^[ .]*(because |'
        || 'terminated )?enrol( rate)?[ .]*$|\bbecause enrol \.')
    -- patients who are not there, or do not want to
    or regexp_matches(t, '\b(lack|shortage|absence|scarcity|paucity|rarity|unavailability|insufficient|inadequate|'
        || 'limited|small|low|few|fewer|(not?|very|too) (enough|few|many)|declin\w+|decreas\w+|reduc\w+|'
        || 'not patient|no more eligible|not have|no longer (have|had)|no (eligible|suitable|sufficient|available|'
        || 'qualified|actual|potential|identifiable|willing)|((not |un)able|failure|inability|hard|impossib\w+|'
        || 'difficult\w*|trouble|problems?|not?) (to |in |with )?(find|get|obtain|identify|locat|attract|'
        || 'select)\w*) ((\w+(al|ed|able|ly|ive|ing|ic|ible)|of|in|to|the|a|an|any|for|new|enough|numbers?|volume|'
        || 'flow|availab\w+|pool|study|interest|from|among|by|more|target|appropriate|amount|patient|willingness|'
        || 'sufficient|level) )*patient\b')
    or regexp_matches(t, '\bpatient (\w+ ){0,3}(not (interested|willing|available|eligible)|unwilling\w*|'
        || 'no willingness|reluctan\w+|refus\w*|unavailab\w*|too (low|small|few)|ineligib\w*)|\bpatient (did|do|'
        || 'does) not (meet|fulfil\w*) (the |all )?(\w+ )?criteria')
    or regexp_matches(t, '\b(sample size|sample|numbers? of (\w+ )?patient|patient numbers?|target (number|enrol)|'
        || 'enrol (target|goal|number))( \w+){0,5} (not( \w+){0,2} (reached|met|achieved|completed|obtained|'
        || 'attained|sufficient|enough|enrol|includ\w+)|too (small|low)|insufficient|difficult|low)\b'
        || '|\binsufficient sample( size)?\b');

create or replace macro stop_funding(t) as
    regexp_matches(t, '\b(un|de|under)?fund(s|ed|ings?|ers?)?\b|\bfin?anc|\bbudget|\bgrants?\b|\bmoney\b'
        || '|\bmonetary|\beconomic|\bcosts?\b|\bexpens(es?|ive)\b|\b(lack|loss|no|without|lost)( of)? sponsor\w*'
        || '|\breimburse');

-- A decision of the company, sponsor or institution about its business.
create or replace macro stop_business(t) as
    regexp_matches(t, '\bbus[ai]*n?ess|\bstrateg|\bcommerci|\badministrati|\bcorporate|\bportfolio'
        || '|\b(de ?)?priorit|\bcontract|\bagreement|\bacqui(red|sition)|\bmerge[rd]\b|\bbankrupt|\binsolven'
        || '|\bmarket(ing|ed)?\b|\blicens|\borgani[sz]ation|\bsold\b|\bcompan(y|ies)\b|\bdevelopment (plan|'
        || 'decision)|\b(internal|management|executive|institution\w*) decisions?\b')
    or regexp_matches(t, '\b(sponsor|manufacturer|industry) (\w+ ){0,2}(withdr\w+|support|reasons?)|\b(development|'
        || 'program(me)?|compound|molecule|product)( \w+){0,5} (discontinu\w+|terminat\w+|stop\w*|halt\w*|'
        || 'cancel\w*|ended|clos\w+|abandon\w+|suspend\w+|withdrawn)|\b(discontinu\w+|terminat\w+|stop\w*|halt\w*|'
        || 'cancel\w*|ended|end|cease\w*|abandon\w+|withdr\w+|not pursue|no longer)( \w+){0,4} (development|'
        || 'program(me)?|compound|support)\b');

-- What the trial needed was missing.
create or replace macro stop_logistics(t) as
    -- staff
    regexp_matches(t, '\b(p ?i|pis|principal|investigator\w*|researchers?|doctor|physician|surgeon|dr|staff\w*|'
        || 'personn?el\w*|coordinators?|nurses?|students?|fellow|resident|team|author|faculty|'
        || 'professor)( \w+){0,6} (left|leav\w+|moved|moving|relocat\w+|depart\w+|death|died|deceased|retire\w*|'
        || 'resign\w*|no longer|transfer\w*|illness|sick|passed away|graduat\w+|turnover|shortage|changed?|'
        || 'not available|unavailab\w+|new institution|gone|quit|sabbatical|health|deployed|away|separat\w+)\b')
    or regexp_matches(t, '\b(departure|death|loss|leav\w+|left|retire\w+|resignation|relocation|illness|lack\w*|'
        || 'shortage|insufficient|limited|change|turnover|unavailab\w+|no|not enough|inadequate) (\w+ ){0,3}(p ?i|'
        || 'investigator\w*|researchers?|staff\w*|personn?el\w*|coordinators?|m[ae]n ?power|nurses?|study team|'
        || 'workforce|res+ources?|time|equipment|space|infrastructure)\b')
    or regexp_matches(t, '\b(left|leav\w+|moved|transfer\w*) (from |to )?(another |the |our |this |his |her |'
        || 'their )?(institut\w+|university|hospital|practice|cent(er|re)|department|company|lab\w*|facility|'
        || 'country)\b')
    -- drug
    or regexp_matches(t, '\bunavailab|\b(not|no longer|longer) (\w+ )?(available|avail\w+|produced|manufactured|'
        || 'supplied|provided|made)\b|\bavailability of (the )?(study|drug|product|device)|\bagent availability'
        || '|\bsuppl(y|ies|iers?|ied|ying)\b|\bshortage|\bproduction\b|\bmanufactur(ing|e)\b|\b(drug|product|'
        || 'medication|device|batch)( \w+){0,2} expir\w+|\bexpired (drug|product|medication|device)|\b(unable|'
        || 'inability|difficulty|failure|not able) (to|in) (obtain\w*|procur\w+|acquir\w+|secur\w+|'
        || 'get\w*) (the )?(\w+ )?(drug|device|product|medication|supplement|equipment|technology|formulation)')
    -- site and equipment
    or regexp_matches(t, '\blogisti|\bres+ources?\b|\bequipment|\bstaffing|\bpersonn?el|\bmanpower|\btechnical'
        || '|\boperational|\bworkload|\btime constraints?|\binfrastructure|\bmachine|\bmalfunction'
        || '|\bdevice (fail\w+|problem|issue|defect)|\bsites? (\w+ ){0,2}(clos\w+|problem|issue|withdr\w+|not)'
        || '|\b(clos\w+|loss|lack) (\w+ ){0,3}(sites?|hospital|clinic|cent(er|re)s?|lab\w*|facility|unit)\b');

-- Who decided is a reason only where no other is given.
create or replace macro stop_actor(t) as
    regexp_matches(t, '\b(sponsor|manufacturer|inc|pharma(ceuticals?)?|sanofi|novartis|pfizer|gsk|roche|bayer|'
        || 'merck|lilly|amgen)\b');

-- Nothing but words that tell that it stopped, not why.
create or replace macro stop_is_silent(t) as
    regexp_full_match(t, '([ .,%0-9]|\b(the|this|a|an|of|to|in|on|at|by|for|as|per|and|or|it|its|is|was|were|be|'
        || 'been|has|have|had|not|no|never|will|did|do|further|longer|prior|before|early|earlier|prematurely|'
        || 'premature|permanently|temporarily|currently|now|officially|yet|any|all|study|studies|trials?|project|'
        || 'protocol|research|clinical (trial|study)|terminat\w+|stop\w*|withdr\w+|suspen\w+|complet\w+|finished|'
        || 'end|ended|halt\w*|clos\w+|cancel\w*|discontinu\w+|hold|start\w*|initiat\w+|begun|began|begin|conducted|'
        || 'open\w*|activ\w+|implemented|performed|resume|continue|proceed\w*|pursue|move|forward|pi|p|i|s|'
        || 'principal|investigators?|decision|decided|decides?|determined|discretion|elected|request\w*|chose|'
        || 'choice|with|without|see|please|detailed|description|below|above|section|statement|reasons?|termination|'
        || 'purpose|limitations|caveats|refer|comments?|unknown|unspecified|other|na|n|none|applicable|specified|'
        || 'provided|given|stated|data|analysis|follow|up|enrol|patient|objectives?|goals?|met|reached|achieved|'
        || 'plan\w*|anticipated|scheduled|final|nobody|number|target|sample|size|sufficient|enough|collected|'
        || 'obtained|institution|from|their|our|we|he|she|are|that|there|after|because|only|time|date|since|'
        || 'beginning|registered|registry|went|done|over|dos\w+|last|first|treated)\b)*');

create or replace macro stop_count(t) as
    regexp_replace(t, '\b(no|zero|0|none( of)?|not any|nobody|no one|without|never|(did|do|was|were|has|have) not|'
        || 'only (\d+|a|one|two|three|four|five|six|few))( (the|new|actual|other|single|one|been|yet|ever|any|of|'
        || 'further|have|screened|enrol))* (patient|enrol)( \d+| (were|was|is|are|have|has|had|been|be|could|ever|'
        || 'enrol|patient|any|(in|into|to|on|at|for|by) ((the|this|our|that) )?(study|trial|site|protocol)|the|yet|'
        || 'to date|found|available|randomi[sz]ed|consented|agreed|treated|dosed|registered|participate|who|that|'
        || 'met|meet|meeting|criteria))*|\benrol 0\b|\bnone enrol', 'nobody', 'g');

-- Nobody, or a stated handful, took part. Mostly a remark: it counts where it is explained or all that is said.
create or replace macro stop_nobody(counted) as
    (regexp_matches(counted, 'nobody[ .,]*(because|within|during|over|since|after|despite|(in|for) [^.]*(years?|'
        || 'months?|weeks?|period))\b|because (of )?nobody')
        or (contains(counted, 'nobody') and stop_is_silent(counted)))
    and not regexp_matches(counted, '^[^.]*\b(never|not|before|prior to) (\w+ ){0,2}(start|initiat|open|conduct|'
        || 'approv|implement|activat|launch|begun)|\bcancel');

-- Every reason that the text states, sorted; null when it holds no text. Subqueries, so that nothing is computed twice.
create or replace macro stop_reasons(text) as (
    select case
        when found <> [] then found
        when stop_nobody(stop_count(t)) then ['accrual']
        when stop_actor(t) then ['business']
        when stop_is_silent(t) then ['none']
        else ['other']
    end
    from (
        select t, list_filter([
            case when stop_accrual(t) then 'accrual' end,
            case
                when stop_benefit(stop_positive(here)) and not stop_efficacy(t)
                    and not regexp_matches(t, 'standard of care|\bcompet|\bnewer\b|\balternative') then 'benefit'
            end,
            case when stop_business(t) then 'business' end,
            case when stop_efficacy(here) then 'efficacy' end,
            case when stop_funding(t) then 'funding' end,
            case when stop_logistics(t) then 'logistics' end,
            case when stop_safety(here) and not regexp_matches(here, '\bcovid\b') then 'safety' end
        ], lambda reason: reason is not null) as found
        from (
            select t, stop_here(t) as here
            from (select stop_stated(stop_words(text)) as t where regexp_matches(text, '[A-Za-z]{2}'))
        )
    )
);

-- The one that decides what the stop says about the trial.
create or replace macro stop_reason(reasons) as (
    select list_filter(
        ['efficacy', 'safety', 'benefit', 'accrual', 'funding', 'business', 'logistics', 'other', 'none'],
        lambda reason: list_contains(stated, reason)
    )[1]
    from (select reasons as stated)
);
